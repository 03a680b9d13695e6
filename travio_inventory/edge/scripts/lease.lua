-- A lease for each block: the one that stands, or a new one.
-- KEYS[1]: the trip's hash. ARGV: a token never used before, how long a lease stands in ms, how long the hash is kept
-- in ms, then the blocks. A lease is "since token".
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local stands = tonumber(ARGV[2])
local fields = {}
for i = 4, #ARGV do fields[i - 3] = 'l' .. ARGV[i] end
local leases = redis.call('HMGET', KEYS[1], unpack(fields))
local tokens, new = {}, {}
for i, field in ipairs(fields) do
  local since, token
  if leases[i] then since, token = string.match(leases[i], '^(%d+) (%S+)$') end
  if since and now >= tonumber(since) and now < since + stands then
    tokens[i] = token
  else
    tokens[i] = ARGV[1]
    new[#new + 1] = field
    new[#new + 1] = string.format('%d %s', now, ARGV[1])
  end
end
if #new > 0 then
  redis.call('HSET', KEYS[1], unpack(new))
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return tokens
