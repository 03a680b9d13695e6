-- Unlocks those of the cells that the token locks.
-- KEYS[1]: the block's hash. ARGV: token, then the cells.
local fields = {}
for i = 2, #ARGV do fields[i - 1] = 'L' .. ARGV[i] end
local entries = redis.call('HMGET', KEYS[1], unpack(fields))
local own = {}
for i, entry in ipairs(entries) do
  if entry and string.match(entry, '^%d+ %d+ (%S*) ') == ARGV[1] then own[#own + 1] = fields[i] end
end
if #own > 0 then redis.call('HDEL', KEYS[1], unpack(own)) end
return 0
