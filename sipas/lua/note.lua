-- Set fields of a position that exists. After FLUSHALL a bare HSET would make a position without an offset.
-- KEYS[1] the position; ARGV: field, value, … Returns whether it exists.
if redis.call('HEXISTS', KEYS[1], 'next_offset') == 0 then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV))
return 1
