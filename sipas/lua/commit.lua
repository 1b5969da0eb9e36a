-- The one guarded write of every ledger: all of it, or nothing.
-- KEYS[1] the position (hash); KEYS[2..] what is written, all in the position's slot.
-- ARGV[1] the expected next_offset; ARGV[2] a msgpack plan, key indexes counted from KEYS[1]:
--   {position={field,value,…}, hset={{key,first,last},…}, hdel={{key,{field,…}},…}, sadd={{key,first,last},…},
--    unlink={key,…}}
-- ARGV[3..] fields with their values, and members of sets. They are bytes, which Redis's msgpack does not know: the plan
-- names ranges of ARGV.
-- Returns {1, next_offset} or, changing nothing, {0, stored next_offset or ''}.
-- A script that errors keeps its earlier writes, so everything that can fail is done before the first write: position
-- and types are read first. unpack() is limited by Lua's stack.
local CHUNK = 1000
local stored = redis.call('HGET', KEYS[1], 'next_offset') or ''
if stored ~= ARGV[1] then return {0, stored} end
local plan = cmsgpack.unpack(ARGV[2])

local function must_be(key, wanted)
  local found = redis.call('TYPE', key).ok
  if found ~= wanted and found ~= 'none' then
    return redis.error_reply('WRONGTYPE ' .. key .. ' is a ' .. found .. ', not a ' .. wanted)
  end
end

for _, kind in ipairs({'hset', 'hdel'}) do
  for _, write in ipairs(plan[kind]) do
    local wrong = must_be(KEYS[write[1]], 'hash')
    if wrong then return wrong end
  end
end
for _, write in ipairs(plan.sadd) do
  local wrong = must_be(KEYS[write[1]], 'set')
  if wrong then return wrong end
end
local function in_chunks(command, key, list, first, last)
  for from = first, last, CHUNK do
    redis.call(command, key, unpack(list, from, math.min(from + CHUNK - 1, last)))
  end
end
for _, write in ipairs(plan.hset) do in_chunks('HSET', KEYS[write[1]], ARGV, write[2], write[3]) end
for _, write in ipairs(plan.hdel) do in_chunks('HDEL', KEYS[write[1]], write[2], 1, #write[2]) end
for _, write in ipairs(plan.sadd) do in_chunks('SADD', KEYS[write[1]], ARGV, write[2], write[3]) end
for _, key in ipairs(plan.unlink) do redis.call('UNLINK', KEYS[key]) end
in_chunks('HSET', KEYS[1], plan.position, 1, #plan.position)
return {1, redis.call('HGET', KEYS[1], 'next_offset')}
