-- The seat groups of a trip: {now in ms, group, "since bytes", group, "since bytes", ...}. The caller drops those that are
-- too old: Redis does nothing else meanwhile, and a trip may have thousands.
-- KEYS[1]: the trip's hash. ARGV: the groups that are wanted; all of them if none is named. A seat group is as old as the
-- lease that it was filled under.
local time = redis.call('TIME')
local blocks = {time[1] * 1000 + math.floor(time[2] / 1000)}
if #ARGV > 0 then
  local fields = {}
  for i = 1, #ARGV do fields[i] = 'b' .. ARGV[i] end
  local found = redis.call('HMGET', KEYS[1], unpack(fields))
  for i = 1, #ARGV do
    if found[i] then
      blocks[#blocks + 1] = ARGV[i]
      blocks[#blocks + 1] = found[i]
    end
  end
  return blocks
end
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  if string.byte(all[i]) == 98 then
    blocks[#blocks + 1] = string.sub(all[i], 2)
    blocks[#blocks + 1] = all[i + 1]
  end
end
return blocks
