-- Removes the marks of a hold from cells, and refuses new marks of it for a while.
-- KEYS[1]: set once the hold has ended; then the taken entry of each cell.
-- ARGV: the hold, and for how long in ms a late mark could still count.
redis.call('SET', KEYS[1], '1', 'PX', ARGV[2])
for i = 2, #KEYS do
  local entry = redis.call('GET', KEYS[i])
  if entry and string.match(entry, '^%S* (%S+) ') == ARGV[1] then redis.call('DEL', KEYS[i]) end
end
return 0
