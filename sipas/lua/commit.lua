-- The one guarded write of every ledger: all of it, or nothing.
-- KEYS[1] the position (hash); KEYS[2..] what is written, all in the position's slot.
-- ARGV[1] the expected next_offset; ARGV[2] a msgpack plan, key indexes counted from KEYS[1]:
--   {position={field,value,…}, incr={{key,{field,…},{delta,…}},…}, hset={{key,{field,value,…}},…},
--    hdel={{key,{field,…}},…}, sadd={{key,first,last},…}, unlink={key,…}}
-- ARGV[3..] members of sets, which are bytes (Redis's msgpack knows no bytes): sadd names a range of ARGV.
-- Returns {1, next_offset} or, changing nothing, {0, stored next_offset or ''}.
-- A script that errors keeps its earlier writes, so everything that can fail is done before the first write:
-- positions, types and old values are read and new values computed first. unpack() is limited by Lua's stack.
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
local sums = {}
for _, write in ipairs(plan.incr) do
  local key, fields, deltas = KEYS[write[1]], write[2], write[3]
  local wrong = must_be(key, 'hash')
  if wrong then return wrong end
  for first = 1, #fields, CHUNK do
    local last = math.min(first + CHUNK - 1, #fields)
    local old = redis.call('HMGET', key, unpack(fields, first, last))
    local pairs_ = {}
    for i = first, last do
      local value = old[i - first + 1]
      local number = 0
      if value then
        number = tonumber(value)
        if not number then
          return redis.error_reply('WRONGTYPE ' .. key .. ' ' .. fields[i] .. ' is no integer: ' .. value)
        end
      end
      pairs_[#pairs_ + 1] = fields[i]
      pairs_[#pairs_ + 1] = string.format('%.0f', number + deltas[i])
    end
    sums[#sums + 1] = {key, pairs_}
  end
end

local function in_chunks(command, key, list)
  for first = 1, #list, CHUNK do
    redis.call(command, key, unpack(list, first, math.min(first + CHUNK - 1, #list)))
  end
end
for _, sum in ipairs(sums) do redis.call('HSET', sum[1], unpack(sum[2])) end
for _, write in ipairs(plan.hset) do in_chunks('HSET', KEYS[write[1]], write[2]) end
for _, write in ipairs(plan.hdel) do in_chunks('HDEL', KEYS[write[1]], write[2]) end
for _, write in ipairs(plan.sadd) do
  for first = write[2], write[3], CHUNK do
    redis.call('SADD', KEYS[write[1]], unpack(ARGV, first, math.min(first + CHUNK - 1, write[3])))
  end
end
for _, key in ipairs(plan.unlink) do redis.call('UNLINK', KEYS[key]) end
in_chunks('HSET', KEYS[1], plan.position)
return {1, redis.call('HGET', KEYS[1], 'next_offset')}
