-- Stores each seat group whose lease is valid.
-- KEYS[1]: the trip's hash. ARGV: how old a seat group may be in ms, how long the hash is kept in ms, then group, lease and
-- bytes of each. A seat group is as old as its lease: what was read under it is not older.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local stale = tonumber(ARGV[1])
for i = 3, #ARGV, 3 do
  local lease = redis.call('HGET', KEYS[1], 'l' .. ARGV[i])
  if lease then
    local since, token = string.match(lease, '^(%d+) (%S+)$')
    if token == ARGV[i + 1] and now >= tonumber(since) and now - since <= stale then
      redis.call('HSET', KEYS[1], 'b' .. ARGV[i], since .. ' ' .. ARGV[i + 2])
      redis.call('PEXPIRE', KEYS[1], ARGV[2])
    end
  end
end
return 0
