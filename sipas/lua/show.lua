-- Let the public see agency-days, in steps that hide the single sheet.
-- KEYS[1] the newest epoch that was shown (text), KEYS[2] hash agency -> how often ("": all); then ten for each agency-day: 1 live day, 2 live parts, 3 shown day,
--   4 shown parts, 5 shown month, 6 shown month parts, 7 tails, 8 newest day of each agency, 9 and 10 newest minute
--   counted and shown.
-- ARGV: 1 epoch, 2 step, 3 "1" after a switch, then three for each agency-day: agency/method/day, agency, day.
-- At least `step` new sheets: shown becomes live, the month moves by the difference. Fewer: they are a tail, kept
-- with the agency's newest day of that moment; the tail is shown once the agency's data are on a later day, when
-- nobody can tell any more whose answer just came. It copies from live in here, so it never shows a state that
-- was not committed. After a switch a day that was shown is corrected at once, be it by less than a step, unless it
-- has a tail: then what differs may be the tail.
-- An owner of an older epoch is late: it changes nothing, and -1 is returned.
local shown_epoch = tonumber(redis.call('GET', KEYS[1]) or -1)
if tonumber(ARGV[1]) < shown_epoch then return -1 end
if tonumber(ARGV[1]) > shown_epoch then redis.call('SET', KEYS[1], ARGV[1]) end
local step = tonumber(ARGV[2])
local switched = ARGV[3] == '1'

local function as_table(flat)
  local made = {}
  for i = 1, #flat, 2 do made[flat[i]] = flat[i + 1] end
  return made
end

local days = (#KEYS - 2) / 10
for day = 0, days - 1 do
  local function key(i) return KEYS[day * 10 + i + 2] end
  local name, agency, date = ARGV[day * 3 + 4], ARGV[day * 3 + 5], ARGV[day * 3 + 6]
  local newest = redis.call('HGET', key(8), agency) or ''
  if date > newest then
    newest = date
    redis.call('HSET', key(8), agency, newest)
  end
  local waiting = redis.call('HGET', key(7), name)
  local new = tonumber(redis.call('HGET', key(1), 'responses') or 0)
  local old = tonumber(redis.call('HGET', key(3), 'responses') or 0)
  local corrected = switched and old > 0 and not waiting
  if math.abs(new - old) >= step or (waiting and newest > waiting) or corrected then
    for pair = 1, 2 do
      local live = redis.call('HGETALL', key(pair))
      local shown = as_table(redis.call('HGETALL', key(pair + 2)))
      for i = 1, #live, 2 do
        local was = shown[live[i]]
        if was ~= live[i + 1] then
          redis.call('HSET', key(pair + 2), live[i], live[i + 1])
          redis.call('HINCRBY', key(pair + 4), live[i], tonumber(live[i + 1]) - tonumber(was or 0))
        end
        shown[live[i]] = nil
      end
      for field, was in pairs(shown) do
        redis.call('HDEL', key(pair + 2), field)
        redis.call('HINCRBY', key(pair + 4), field, -tonumber(was))
      end
    end
    local as_of = redis.call('HGET', key(9), agency)
    if as_of then redis.call('HSET', key(10), agency, as_of) end
    redis.call('HDEL', key(7), name)
    redis.call('HINCRBY', KEYS[2], agency, 1)
    redis.call('HINCRBY', KEYS[2], '', 1)
  elseif not waiting then
    redis.call('HSET', key(7), name, newest)
  end
end
return days
