-- Unlocks those of the cells that the token locks.
-- KEYS: the lock of each cell. ARGV[1]: the token.
for _, key in ipairs(KEYS) do
  local lock = redis.call('GET', key)
  if lock and string.match(lock, '%S*$') == ARGV[1] then redis.call('DEL', key) end
end
return 0
