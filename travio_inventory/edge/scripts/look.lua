-- What is remembered of cells, as it is.
-- KEYS: the lock of each cell, then the taken entry of each.
-- Answers {position, entry, its PTTL} of each key that is there, all in one list; a PTTL of -1 is none.
local all = {}
for at, key in ipairs(KEYS) do
  local entry = redis.call('GET', key)
  if entry then
    all[#all + 1] = at
    all[#all + 1] = entry
    all[#all + 1] = redis.call('PTTL', key)
  end
end
return all
