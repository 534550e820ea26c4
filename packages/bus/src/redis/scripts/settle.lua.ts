import { script } from '../script.ts';
import { buryFunction } from './bury.lua.ts';

/**
 * Gives one message back, or buries it. Not separable: the check of who holds it and the move; the burial and the follow-up that tells of it.
 *
 * A message that waits for its next delivery is parked: pending for a consumer of its own, whose idle time tells when it is due.
 *
 * KEYS  1 stream · 2 errors of earlier attempts · 3 dead letters · 4 stream of the follow-up, if there is one
 * ARGV  1 mode: retry | dead | release · 2 group · 3 consumer ('' for whoever) · 4 id · 5 delivery count ('' for any) · 6 error · 7 deliveries allowed
 *       8 the parking consumer · 9 idle ms at which it is due · 10 ms until it is due · 11 ms errors are kept · 12 type and 13 payload of the follow-up to a burial, if there is one
 * Returns retry | dead | lost (its entry was deleted) | other (somebody else holds it) | gone (not pending)
 */
export const settleScript = script(`${buryFunction}
local mode, group, id = ARGV[1], ARGV[2], ARGV[4]
local row = redis.call('XPENDING', KEYS[1], group, id, id, 1)[1]
if not row then return 'gone' end
if ARGV[3] ~= '' and (row[2] ~= ARGV[3] or row[4] ~= tonumber(ARGV[5])) then return 'other' end
local count = row[4]
local due = tonumber(ARGV[9])
local function park(counted)
  redis.call('XCLAIM', KEYS[1], group, ARGV[8], 0, id, 'IDLE', math.max(due - tonumber(ARGV[10]), 0), 'RETRYCOUNT', counted, 'JUSTID')
end
if mode == 'release' then
  park(math.max(count - 1, 0))
  return 'retry'
end
local field = group .. ' ' .. id
local known = redis.call('HGET', KEYS[2], field)
local errors = known and cjson.decode(known) or {}
if #errors < 10 then errors[#errors + 1] = ARGV[6] end
local encoded = cjson.encode(errors)
if mode == 'dead' or count >= tonumber(ARGV[7]) then
  if not bury(group, id, count, encoded) then return 'lost' end
  if ARGV[13] then redis.call('XADD', KEYS[4], '*', 'type', ARGV[12], 'payload', ARGV[13]) end
  return 'dead'
end
redis.call('HSET', KEYS[2], field, encoded)
redis.call('PEXPIRE', KEYS[2], ARGV[11])
park(count)
return 'retry'
`);
