-- Locks all the cells of a seat group for one attempt, or none.
-- KEYS[1]: set once the claimant was let in; then the lock of each cell, then the taken entry of each.
-- ARGV: claimant, token, ttl of a lock in ms, how long in ms the claimant may pass again (0: it has no key),
-- and 1 if it settles. A lock is "claimant token", a taken entry as `mark` writes it.
-- Answers 0, or {1, position, lock and its PTTL of each cell that another locks}, or {2, position, entry and its PTTL of
-- each cell that another has}.
local claimant, cells = ARGV[1], (#KEYS - 1) / 2

-- The first word of an entry, nil if there is none.
local function owner(entry) return entry and string.match(entry, '^%S*') end

-- Adds what was found at a cell, and how long it lasts.
local function add(all, at, entry, key)
  all[#all + 1] = at
  all[#all + 1] = entry
  all[#all + 1] = redis.call('PTTL', key)
end

local function others()
  local locked, taken = {1}, {2}
  for first = 1, cells, 500 do
    local last = math.min(first + 499, cells)
    local locks = redis.call('MGET', unpack(KEYS, first + 1, last + 1))
    local entries = redis.call('MGET', unpack(KEYS, first + 1 + cells, last + 1 + cells))
    for i = 1, last - first + 1 do
      local locker, holder = owner(locks[i]), owner(entries[i])
      local at = first + i - 1
      if locker and locker ~= claimant then add(locked, at, locks[i], KEYS[1 + at]) end
      if holder and (holder ~= claimant or holder == '') then add(taken, at, entries[i], KEYS[1 + cells + at]) end
    end
  end
  if #taken > 1 then return taken end
  if #locked > 1 then return locked end
  return nil
end

if ARGV[5] ~= '1' and redis.call('EXISTS', KEYS[1]) == 0 then
  local refused = others()
  if refused then return refused end
end
local lock = claimant .. ' ' .. ARGV[2]
for i = 2, cells + 1 do redis.call('SET', KEYS[i], lock, 'NX', 'PX', ARGV[3]) end
if ARGV[4] ~= '0' then redis.call('SET', KEYS[1], '1', 'PX', ARGV[4]) end
return 0
