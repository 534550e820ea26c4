import { script } from '../script.ts';
import { buryFunction } from './bury.lua.ts';
import { laneFunction } from './lane.lua.ts';
import { noteFollowUpsFunction } from './note-follow-up.lua.ts';

/**
 * Gives one message back, or buries it. Not separable: the check of who holds it and the move; the burial and the follow-up that tells of it; all that and the memory of it,
 * by which a repeat after a lost reply knows its own work from that of others.
 *
 * A message that waits for its next delivery is parked: pending for a consumer of its own, whose idle time tells when it is due.
 *
 * KEYS  1 stream · 2 errors of earlier attempts · 3 dead letters · 4 what this lane did last · 5 hash of follow-ups · 6 stream of the follow-up, if there is one
 * ARGV  1 number of this work · 2 attempt · 3 ms a lane is remembered · 4 mode: retry | dead | release · 5 group · 6 consumer ('' for whoever) · 7 id · 8 delivery count
 *       ('' for any) · 9 error · 10 deliveries allowed · 11 the parking consumer · 12 idle ms at which it is due · 13 ms until it is due · 14 ms errors are kept · 15 type and
 *       16 payload of the follow-up to a burial, if there is one · 17 ms it is noted, '' when nobody will ask for it
 * Returns retry | dead | lost (its entry was deleted) | other (somebody else holds it) | gone (not pending)
 */
export const settleScript = script(`${laneFunction}${buryFunction}${noteFollowUpsFunction}
local done = lane(KEYS[4], ARGV[1], ARGV[2])
if done then return done end

local mode, group, id = ARGV[4], ARGV[5], ARGV[7]
local function settle()
  local row = redis.call('XPENDING', KEYS[1], group, id, id, 1)[1]
  if not row then return 'gone' end
  if ARGV[6] ~= '' and (row[2] ~= ARGV[6] or row[4] ~= tonumber(ARGV[8])) then return 'other' end
  local count = row[4]
  local due = tonumber(ARGV[12])
  local function park(counted)
    redis.call('XCLAIM', KEYS[1], group, ARGV[11], 0, id, 'IDLE', math.max(due - tonumber(ARGV[13]), 0), 'RETRYCOUNT', counted, 'JUSTID')
  end
  if mode == 'release' then
    park(math.max(count - 1, 0))
    return 'retry'
  end
  local field = group .. ' ' .. id
  local known = redis.call('HGET', KEYS[2], field)
  local errors = known and cjson.decode(known) or {}
  if #errors < 10 then errors[#errors + 1] = ARGV[9] end
  local encoded = cjson.encode(errors)
  if mode == 'dead' or count >= tonumber(ARGV[10]) then
    if not bury(group, id, count, encoded) then return 'lost' end
    if ARGV[16] then
      local followUp = redis.call('XADD', KEYS[6], '*', 'type', ARGV[15], 'payload', ARGV[16])
      if ARGV[17] ~= '' then noteFollowUps(KEYS[5], ARGV[17], id, followUp) end
    end
    return 'dead'
  end
  redis.call('HSET', KEYS[2], field, encoded)
  redis.call('PEXPIRE', KEYS[2], ARGV[14])
  park(count)
  return 'retry'
end

local reply = settle()
redis.call('SET', KEYS[4], ARGV[1] .. ' ' .. reply, 'PX', ARGV[3])
return reply
`, { runsWhenFull: true });
