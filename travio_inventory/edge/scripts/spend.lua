-- Spends one of each of several rates, or none (GCRA, see kernel/rates.py).
-- KEYS: when the next one of each is due, in us. ARGV: interval in us and burst of each.
-- Answers 0, or {position, wait in us} of the one with the longest wait.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local at, wait, dues = 0, 0, {}
for i, key in ipairs(KEYS) do
  local interval = tonumber(ARGV[2 * i - 1])
  local tolerance = interval * tonumber(ARGV[2 * i])
  local due = tonumber(redis.call('GET', key) or '0') or 0
  dues[i] = math.min(math.max(due, now), now + tolerance) + interval
  local early = dues[i] - now - tolerance
  if early > wait then at, wait = i, early end
end
if wait > 0 then return {at, wait} end
for i, key in ipairs(KEYS) do
  redis.call('SET', key, string.format('%.0f', dues[i]), 'PX', math.ceil((dues[i] - now) / 1000))
end
return 0
