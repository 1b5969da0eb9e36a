-- Which ids are in which set, read together with the position.
-- KEYS[1] the position; KEYS[2..] sets. ARGV: ids. Returns {next_offset or '', {hits in KEYS[2]}, …}, a hit being
-- the id's index from 0: nearly always there are few, so the reply is short.
local CHUNK = 1000
local reply = {redis.call('HGET', KEYS[1], 'next_offset') or ''}
for set = 2, #KEYS do
  local hits = {}
  for first = 1, #ARGV, CHUNK do
    local last = math.min(first + CHUNK - 1, #ARGV)
    for i, is_member in ipairs(redis.call('SMISMEMBER', KEYS[set], unpack(ARGV, first, last))) do
      if is_member == 1 then hits[#hits + 1] = first + i - 2 end
    end
  end
  reply[#reply + 1] = hits
end
return reply
