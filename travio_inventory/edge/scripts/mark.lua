-- Remembers the cells as taken; the latest word on a cell counts.
-- KEYS[1]: the block's hash. ARGV: claimant ("" where it is not known), ttl in ms, then the cells.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ttl = tonumber(ARGV[2])
local entry = string.format('%d %d  %s', now, ttl, ARGV[1])
local entries = {}
for i = 3, #ARGV do
  entries[#entries + 1] = 'T' .. ARGV[i]
  entries[#entries + 1] = entry
end
redis.call('HSET', KEYS[1], unpack(entries))
if redis.call('PTTL', KEYS[1]) < ttl then redis.call('PEXPIRE', KEYS[1], ttl) end
return 0
