-- Let the pointer name another generation: forwards only, so that whoever is late changes nothing.
-- KEYS[1] the pointer (hash); ARGV: epoch, generation. Returns whether it moved.
local stored = redis.call('HGET', KEYS[1], 'epoch')
if stored and tonumber(stored) >= tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'generation', ARGV[2])
return 1
