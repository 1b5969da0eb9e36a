-- Let the public see agency-days, in steps that hide the single sheet.
-- KEYS, ten for each agency-day: 1 live day, 2 live parts, 3 shown day, 4 shown parts, 5 shown month,
--   6 shown month parts, 7 tails, 8 newest day of each agency, 9 and 10 newest minute counted and shown.
-- ARGV: 1 step, then three for each agency-day: agency/method/day, agency, day.
-- At least `step` new sheets: shown becomes live, the month moves by the difference. Fewer: they are a tail, kept
-- with the agency's newest day of that moment; the tail is shown once the agency's data are on a later day, when
-- nobody can tell any more whose answer just came. It copies from live in here, so it never shows a state that
-- was not committed, and shown never goes back.
local step = tonumber(ARGV[1])
for day = 0, #KEYS / 10 - 1 do
  local function key(i) return KEYS[day * 10 + i] end
  local name, agency, date = ARGV[day * 3 + 2], ARGV[day * 3 + 3], ARGV[day * 3 + 4]
  local newest = redis.call('HGET', key(8), agency) or ''
  if date > newest then
    newest = date
    redis.call('HSET', key(8), agency, newest)
  end
  local waiting = redis.call('HGET', key(7), name)
  local new = tonumber(redis.call('HGET', key(1), 'responses') or 0)
  local old = tonumber(redis.call('HGET', key(3), 'responses') or 0)
  if new - old >= step or (waiting and newest > waiting) then
    for pair = 1, 2 do
      local live = redis.call('HGETALL', key(pair))
      for i = 1, #live, 2 do
        local was = redis.call('HGET', key(pair + 2), live[i])
        if was ~= live[i + 1] then
          redis.call('HSET', key(pair + 2), live[i], live[i + 1])
          redis.call('HINCRBY', key(pair + 4), live[i], tonumber(live[i + 1]) - tonumber(was or 0))
        end
      end
    end
    local as_of = redis.call('HGET', key(9), agency)
    if as_of then redis.call('HSET', key(10), agency, as_of) end
    redis.call('HDEL', key(7), name)
  elseif not waiting then
    redis.call('HSET', key(7), name, newest)
  end
end
return #KEYS / 10
