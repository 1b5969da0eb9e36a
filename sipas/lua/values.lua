-- A position and some values of its slot, all of one moment.
-- KEYS[1] the position; KEYS[2..] hashes. ARGV: index of a key, field, index, field, …
-- Returns {position as field, value, …; {value or false, …}}.
local found = {}
for i = 1, #ARGV, 2 do found[#found + 1] = redis.call('HGET', KEYS[tonumber(ARGV[i])], ARGV[i + 1]) end
return {redis.call('HGETALL', KEYS[1]), found}
