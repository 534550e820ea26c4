import { script } from '../script.ts';
import { laneFunction } from './lane.lua.ts';

/**
 * Acknowledges a batch. Not separable: the check that this consumer still holds each message at this delivery, and its removal; otherwise a consumer that slept
 * past its lease would acknowledge what another is working on; and the memory of this batch, by which a repeat after a lost reply knows its own work.
 *
 * KEYS  1 stream · 2 errors of earlier attempts · 3 what this lane did last
 * ARGV  1 number of the batch · 2 attempt · 3 ms a lane is remembered · 4 group · 5 consumer · 6 lowest id · 7 highest id · then id, delivery count of each
 * Returns a text with one digit per message: 1 acknowledged, 0 held by another or delivered again, 2 not pending at all
 */
export const ackScript = script(`${laneFunction}
local done = lane(KEYS[3], ARGV[1], ARGV[2])
if done then return done end

local group = ARGV[4]
local held = {}
for _, row in ipairs(redis.call('XPENDING', KEYS[1], group, ARGV[6], ARGV[7], 100000, ARGV[5])) do held[row[1]] = row[4] end
local replies, ids, retried = {}, {}, {}
for i = 8, #ARGV, 2 do
  local id, count = ARGV[i], tonumber(ARGV[i + 1])
  if held[id] == count then
    ids[#ids + 1] = id
    if count > 1 then retried[#retried + 1] = group .. ' ' .. id end
    replies[#replies + 1] = '1'
  elseif #redis.call('XPENDING', KEYS[1], group, id, id, 1) > 0 then
    replies[#replies + 1] = '0'
  else
    replies[#replies + 1] = '2'
  end
end
if #ids > 0 then redis.call('XACK', KEYS[1], group, unpack(ids)) end
if #retried > 0 then redis.call('HDEL', KEYS[2], unpack(retried)) end
local reply = table.concat(replies)
redis.call('SET', KEYS[3], ARGV[1] .. ' ' .. reply, 'PX', ARGV[3])
return reply
`, { runsWhenFull: true });
