-- Clear marks that have not changed since they were read.
-- KEYS[1] a hash; ARGV: field, value as read, field, value, … Returns how many were cleared.
local cleared = 0
for i = 1, #ARGV, 2 do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then
    cleared = cleared + redis.call('HDEL', KEYS[1], ARGV[i])
  end
end
return cleared
