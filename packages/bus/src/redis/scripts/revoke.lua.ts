import { script } from '../script.ts';
import { laneFunction } from './lane.lua.ts';
import { noteFollowUpsFunction } from './note-follow-up.lua.ts';

/**
 * Takes a message back from every group. Not separable: the check that some group still has to work on it, its removal, and the follow-up; otherwise it would be worked
 * on and revoked, both; and the memory of it, by which a repeat after a lost reply knows its own work.
 *
 * KEYS  1 stream · 2 errors of earlier attempts · 3 hash of follow-ups · 4 what this lane did last · 5 stream of the follow-up, if there is one
 * ARGV  1 number of this work · 2 attempt · 3 ms a lane is remembered · 4 id · 5 type and 6 payload of the follow-up, if there is one
 *       7 ms it is noted, '' when nobody will ask for it
 * Returns 1, or 0 when no group had it to work on any more
 */
export const revokeScript = script(`${laneFunction}${noteFollowUpsFunction}
local done = lane(KEYS[4], ARGV[1], ARGV[2])
if done then return tonumber(done) end

local id = ARGV[4]
if not redis.call('XRANGE', KEYS[1], id, id)[1] then return 0 end
local isWaiting = false
local groups = redis.call('XINFO', 'GROUPS', KEYS[1])
for _, fields in ipairs(groups) do
  local group = {}
  for i = 1, #fields, 2 do group[fields[i]] = fields[i + 1] end
  local ms, seq = string.match(group['last-delivered-id'], '(%d+)-(%d+)')
  local idMs, idSeq = string.match(id, '(%d+)-(%d+)')
  local isUnread = tonumber(idMs) > tonumber(ms) or (tonumber(idMs) == tonumber(ms) and tonumber(idSeq) > tonumber(seq))
  if isUnread then isWaiting = true end
  if redis.call('XACK', KEYS[1], group['name'], id) == 1 then
    isWaiting = true
    redis.call('HDEL', KEYS[2], group['name'] .. ' ' .. id)
  end
end
if #groups > 0 and not isWaiting then return 0 end
redis.call('XDEL', KEYS[1], id)
if ARGV[6] then
  local followUp = redis.call('XADD', KEYS[5], '*', 'type', ARGV[5], 'payload', ARGV[6])
  if ARGV[7] ~= '' then noteFollowUps(KEYS[3], ARGV[7], id, followUp) end
end
redis.call('SET', KEYS[4], ARGV[1] .. ' 1', 'PX', ARGV[3])
return 1
`, { runsWhenFull: true });
