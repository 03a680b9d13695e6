-- Locks all the cells of a block for one attempt, or none.
-- KEYS[1]: the block's hash. ARGV: token, claimant, ttl in ms, then the cells.
-- Answers 0, or {1, position of each cell another locks}, or {2, position of each cell that is another's}.
-- An entry is "since ttl token claimant"; one from the future is of a clock that was set back, and does not count.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local token, claimant, ttl = ARGV[1], ARGV[2], tonumber(ARGV[3])
local cells = #ARGV - 3

local fields = {}
for i = 1, cells do
  fields[i] = 'L' .. ARGV[i + 3]
  fields[cells + i] = 'T' .. ARGV[i + 3]
end
local entries = redis.call('HMGET', KEYS[1], unpack(fields))

-- The claimant of an entry that stands, nil where there is none.
local function owner(entry)
  if not entry then return nil end
  local since, lasts, who = string.match(entry, '^(%d+) (%d+) %S* (%S*)$')
  if now < tonumber(since) or now >= since + lasts then return nil end
  return who
end

local locked, taken, free = {1}, {2}, {}
local lock = string.format('%d %d %s %s', now, ttl, token, claimant)
for i = 1, cells do
  local locker, holder = owner(entries[i]), owner(entries[cells + i])
  if locker and locker ~= claimant then locked[#locked + 1] = i end
  if holder and (holder ~= claimant or holder == '') then taken[#taken + 1] = i end
  if not locker then
    free[#free + 1] = fields[i]
    free[#free + 1] = lock
  end
end
if #locked > 1 then return locked end
if #taken > 1 then return taken end
if #free > 0 then
  redis.call('HSET', KEYS[1], unpack(free))
  if redis.call('PTTL', KEYS[1]) < ttl then redis.call('PEXPIRE', KEYS[1], ttl) end
end
return 0
