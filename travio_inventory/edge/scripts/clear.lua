-- Removes the marks of a hold from cells, and refuses new marks of it there for a while.
-- KEYS[1]: a hash of the cells that the hold has no more; then the taken entry of each cell.
-- ARGV: the hold, and for how long in ms a late mark could still count.
for i = 2, #KEYS do
  redis.call('HSET', KEYS[1], KEYS[i], '1')
  local entry = redis.call('GET', KEYS[i])
  if entry and string.match(entry, '^%S* (%S+) ') == ARGV[1] then redis.call('DEL', KEYS[i]) end
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 0
