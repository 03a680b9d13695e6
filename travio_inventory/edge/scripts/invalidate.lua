-- Drops the seat groups, revokes their leases, and notifies every process that has a copy of the trip.
-- KEYS[1]: the trip's hash. ARGV: the channel, then the groups. The message is the name of the hash and the groups.
for i = 2, #ARGV do redis.call('HDEL', KEYS[1], 'b' .. ARGV[i], 'l' .. ARGV[i]) end
redis.call('PUBLISH', ARGV[1], KEYS[1] .. ' ' .. table.concat(ARGV, ' ', 2))
return 0
