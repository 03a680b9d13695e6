-- Remembers why the cells are taken, unless a later mark is there, or the hold has them no more.
-- KEYS[1]: a hash of the cells that the hold has no more; then the taken entry of each cell.
-- ARGV: claimant ("" if unknown), hold, status, until, as of, and how long from then on an entry lasts;
-- all in ms. An entry is the first five, with a space between each. See occupancies.py for what counts.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local claimant, hold, status = ARGV[1], ARGV[2], ARGV[3]
local til, as_of, ttl = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local left = math.min(ttl, as_of + ttl - now)
if status == 'held' then left = math.min(left, til - now) end
if left <= 0 then return 0 end

local ranks = {held = 1, blocked = 2, sold = 3}
local function counts(entry)
  local other_claimant, other_hold, other_status, other_til, other_as_of =
    string.match(entry, '^(%S*) (%S+) (%S+) (%d+) (%d+)$')
  other_til, other_as_of = tonumber(other_til), tonumber(other_as_of)
  if (claimant == '') ~= (other_claimant == '') then return claimant ~= '' end
  if hold ~= other_hold then return as_of >= other_as_of end
  if status ~= other_status then return ranks[status] > ranks[other_status] end
  if til ~= other_til then return til > other_til end
  return as_of >= other_as_of
end

local entry = table.concat({ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]}, ' ')
local gave_up = redis.call('EXISTS', KEYS[1]) == 1
for i = 2, #KEYS do
  if not (gave_up and redis.call('HGET', KEYS[1], KEYS[i])) then
    local standing = redis.call('GET', KEYS[i])
    if not standing or counts(standing) then redis.call('SET', KEYS[i], entry, 'PX', left) end
  end
end
return 0
