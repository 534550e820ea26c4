import { script } from '../script.ts';

/**
 * Acknowledges a batch. Not separable: the check that this consumer still holds each message at this delivery, and its removal; otherwise a consumer that slept
 * past its lease would acknowledge what another is working on.
 *
 * KEYS  1 stream · 2 errors of earlier attempts
 * ARGV  1 group · 2 consumer · 3 lowest id · 4 highest id · then id, delivery count of each
 * Returns per message: 1 acknowledged, 0 held by another or delivered again, 2 not pending at all
 */
export const ackScript = script(`
local held = {}
for _, row in ipairs(redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[4], 100000, ARGV[2])) do held[row[1]] = row[4] end
local replies, ids, retried = {}, {}, {}
for i = 5, #ARGV, 2 do
  local id, count = ARGV[i], tonumber(ARGV[i + 1])
  if held[id] == count then
    ids[#ids + 1] = id
    if count > 1 then retried[#retried + 1] = ARGV[1] .. ' ' .. id end
    replies[#replies + 1] = 1
  elseif #redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1) > 0 then
    replies[#replies + 1] = 0
  else
    replies[#replies + 1] = 2
  end
end
if #ids > 0 then redis.call('XACK', KEYS[1], ARGV[1], unpack(ids)) end
if #retried > 0 then redis.call('HDEL', KEYS[2], unpack(retried)) end
return replies
`);
