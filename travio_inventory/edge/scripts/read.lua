-- The blocks of a trip that are fresh: {block, age in ms, bytes, block, ...}.
-- KEYS[1]: the trip's hash. ARGV: how old a block may be, in ms.
-- A block is as old as the lease that it was filled under: "since bytes".
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local stale = tonumber(ARGV[1])
local all = redis.call('HGETALL', KEYS[1])
local fresh = {}
for i = 1, #all, 2 do
  local block = string.match(all[i], '^b(%d+)$')
  if block then
    local space = string.find(all[i + 1], ' ', 1, true)
    local age = now - string.sub(all[i + 1], 1, space - 1)
    if age >= 0 and age <= stale then
      fresh[#fresh + 1] = tonumber(block)
      fresh[#fresh + 1] = age
      fresh[#fresh + 1] = string.sub(all[i + 1], space + 1)
    end
  end
end
return fresh
