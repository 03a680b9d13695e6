-- Forgets that the cells are taken, whoever marked them.
-- KEYS[1]: the block's hash. ARGV: the cells.
local fields = {}
for i = 1, #ARGV do fields[i] = 'T' .. ARGV[i] end
redis.call('HDEL', KEYS[1], unpack(fields))
return 0
