import { script } from '../script.ts';
import { laneFunction } from './lane.lua.ts';
import { noteFollowUpsFunction } from './note-follow-up.lua.ts';
import { roomFunction } from './room.lua.ts';

/**
 * Acknowledges a batch, each message with a follow-up on another stream. Not separable: the check that this consumer still holds the message at this delivery, its
 * removal, and the follow-up; otherwise a message would have two outcomes, or none. The follow-up comes before the acknowledgement, so that a failing XADD keeps the message.
 *
 * KEYS  1 stream · 2 errors of earlier attempts · 3 stream of the follow-ups · 4 what this lane did last · 5… hashes of follow-ups
 * ARGV  1 group · 2 consumer · 3 lowest id · 4 highest id · 5 number of the batch · 6 attempt · 7 acknowledged follow-ups to keep · 8 unacknowledged ones allowed
 *       9 '1' when only the newest unread follow-ups are kept while there is no group · 10 ms a lane is remembered · 11 ms follow-ups are noted · then per message: id, delivery
 *       count, number of its hash of follow-ups ('' when nobody will ask for it), type and payload of the follow-up
 * Returns a text with one sign per message: '1' completed, '0' held by another or delivered again, '2' not pending at all, '~' (the stream of the follow-ups is full)
 */
export const completeScript = script(`${laneFunction}${roomFunction}${noteFollowUpsFunction}
local done = lane(KEYS[4], ARGV[5], ARGV[6])
if done then return done end

local held = {}
for _, row in ipairs(redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[4], 100000, ARGV[2])) do held[row[1]] = row[4] end
local left = room(KEYS[3], (#ARGV - 11) / 5, tonumber(ARGV[7]), tonumber(ARGV[8]), ARGV[9] == '1')
local replies, ids, retried, notes = {}, {}, {}, {}
for i = 12, #ARGV, 5 do
  local id, count = ARGV[i], tonumber(ARGV[i + 1])
  local reply
  if held[id] ~= count then
    reply = #redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1) > 0 and '0' or '2'
  elseif left <= 0 then
    reply = '~'
  else
    local followUp = redis.call('XADD', KEYS[3], '*', 'type', ARGV[i + 3], 'payload', ARGV[i + 4])
    reply = '1'
    left = left - 1
    ids[#ids + 1] = id
    if count > 1 then retried[#retried + 1] = ARGV[1] .. ' ' .. id end
    local number = tonumber(ARGV[i + 2])
    if number then
      local its = notes[number] or {}
      its[#its + 1] = id
      its[#its + 1] = followUp
      notes[number] = its
    end
  end
  replies[#replies + 1] = reply
end
for number, its in pairs(notes) do noteFollowUps(KEYS[4 + number], ARGV[11], unpack(its)) end
if #ids > 0 then redis.call('XACK', KEYS[1], ARGV[1], unpack(ids)) end
if #retried > 0 then redis.call('HDEL', KEYS[2], unpack(retried)) end
local reply = table.concat(replies)
redis.call('SET', KEYS[4], ARGV[5] .. ' ' .. reply, 'PX', ARGV[10])
return reply
`, { runsWhenFull: true });
