-- Forgets the cells that are marked as the hold's, and that it may be marked again.
-- KEYS[1]: stands where the hold has ended; then the taken entry of each cell.
-- ARGV: the hold, and for how long in ms a word that comes late could still count.
redis.call('SET', KEYS[1], '1', 'PX', ARGV[2])
for i = 2, #KEYS do
  local entry = redis.call('GET', KEYS[i])
  if entry and string.match(entry, '^%S* (%S+) ') == ARGV[1] then redis.call('DEL', KEYS[i]) end
end
return 0
