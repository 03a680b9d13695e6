-- A lease for each seat group: the current one, or a new one.
-- KEYS[1]: the trip's hash. ARGV: a token never used before, how long a lease is valid in ms, how long the hash is kept
-- in ms, then the groups. A lease is "since token".
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local stands = tonumber(ARGV[2])
local fresh = string.format('%d %s', now, ARGV[1])
local tokens = {}
for i = 4, #ARGV do
  local lease = redis.call('HGET', KEYS[1], 'l' .. ARGV[i])
  local since, token
  if lease then since, token = string.match(lease, '^(%d+) (%S+)$') end
  if since and now >= tonumber(since) and now < since + stands then
    tokens[i - 3] = token
  else
    tokens[i - 3] = ARGV[1]
    redis.call('HSET', KEYS[1], 'l' .. ARGV[i], fresh)
    redis.call('PEXPIRE', KEYS[1], ARGV[3])
  end
end
return tokens
