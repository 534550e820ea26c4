import { script } from '../script.ts';
import { buryFunction } from './bury.lua.ts';

/**
 * Takes over what nobody works on. Not separable: finding that a message is abandoned and taking it; burying what has used up its deliveries.
 *
 * KEYS  1 stream · 2 errors of earlier attempts · 3 dead letters
 * ARGV  1 group · 2 the new holder · 3 messages at most · 4 deliveries allowed · 5 the parking consumer · 6 idle ms at which a parked message is due
 *       7 number of dead consumers · 8 idle ms at which their work is taken · 9 number of live consumers · 10 idle ms at which the work of unknown consumers is taken ('' for never)
 *       11 '1' when what has used up its deliveries is taken too, and not buried · 12 ms errors are kept · then the names of the dead, then of the live
 * Returns { { id, delivery count, fields, errors of earlier attempts as JSON or '', 1 when its deliveries are used up }… }, { ids whose entries were deleted… }, { ids buried… }
 *         1 when more may be left
 */
export const claimScript = script(`${buryFunction}
local group, me, limit, allowed = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local dead, live = tonumber(ARGV[7]), tonumber(ARGV[9])
local takesExhausted = ARGV[11] == '1'
local taken, lost, buried = {}, {}, {}
local more = 0
local alive = { [ARGV[5]] = true }
for i = 13 + dead, 12 + dead + live do alive[ARGV[i]] = true end

local function take(rows, page, minIdle)
  if #rows >= page then more = 1 end
  local ids, counts, errorsOf = {}, {}, {}
  for _, row in ipairs(rows) do
    local field = group .. ' ' .. row[1]
    local known = redis.call('HGET', KEYS[2], field)
    -- What is parked has said why; whoever held anything else did not.
    if row[2] ~= ARGV[5] then
      local errors = known and cjson.decode(known) or {}
      if #errors < 10 then errors[#errors + 1] = 'the consumer ' .. row[2] .. ' stopped without settling the message' end
      known = cjson.encode(errors)
    end
    if row[4] >= allowed and not takesExhausted then
      if bury(group, row[1], row[4], known or '[]') then buried[#buried + 1] = row[1] else lost[#lost + 1] = row[1] end
    else
      if row[2] ~= ARGV[5] then
        redis.call('HSET', KEYS[2], field, known)
        redis.call('PEXPIRE', KEYS[2], ARGV[12])
      end
      ids[#ids + 1] = row[1]
      counts[row[1]] = row[4]
      errorsOf[row[1]] = known
    end
  end
  if #ids == 0 then return end
  for _, entry in ipairs(redis.call('XCLAIM', KEYS[1], group, me, minIdle, unpack(ids))) do
    if entry then
      local count = counts[entry[1]]
      taken[#taken + 1] = { entry[1], count + 1, entry[2], errorsOf[entry[1]] or '', count >= allowed and 1 or 0 }
      counts[entry[1]] = nil
    end
  end
  for _, id in ipairs(ids) do
    if counts[id] then
      redis.call('XACK', KEYS[1], group, id)
      lost[#lost + 1] = id
    end
  end
end

local function pendingOf(name, minIdle)
  local left = limit - #taken
  if left <= 0 then
    more = 1
    return
  end
  take(redis.call('XPENDING', KEYS[1], group, 'IDLE', minIdle, '-', '+', left, name), left, minIdle)
end

for i = 13, 12 + dead do pendingOf(ARGV[i], ARGV[8]) end
local isWhole = false
if ARGV[10] ~= '' and #taken < limit then
  local rows, due = {}, {}
  local page = redis.call('XPENDING', KEYS[1], group, 'IDLE', ARGV[10], '-', '+', 500)
  isWhole = #page < 500
  for _, row in ipairs(page) do
    local isDue = row[2] == ARGV[5] and row[3] >= tonumber(ARGV[6])
    if #rows + #due >= limit - #taken then more = 1 break end
    if isDue then due[#due + 1] = row elseif not alive[row[2]] then rows[#rows + 1] = row end
  end
  take(due, limit + 1, ARGV[6])
  take(rows, limit + 1, ARGV[10])
end
if not isWhole then pendingOf(ARGV[5], ARGV[6]) end
return { taken, lost, buried, more }
`);
