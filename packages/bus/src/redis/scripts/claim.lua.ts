import { script } from '../script.ts';
import { buryFunction } from './bury.lua.ts';

/**
 * Takes over what nobody works on. Not separable: finding that a message is abandoned and taking it; burying what has used up its deliveries.
 *
 * A message whose consumers have died again and again may be what kills them. Such suspects are taken one at a time, so that those that were only near do not use up their
 * deliveries with it.
 *
 * KEYS  1 stream · 2 errors of earlier attempts · 3 dead letters
 * ARGV  1 group · 2 the new holder · 3 messages at most · 4 deliveries allowed · 5 the parking consumer · 6 idle ms at which a parked message is due
 *       7 number of dead consumers · 8 idle ms at which their work is taken · 9 number of live consumers · 10 idle ms at which the work of unknown consumers is taken ('' for never)
 *       11 '1' when what has used up its deliveries is taken too, and not buried · 12 ms errors are kept · 13 deliveries without a word that make a suspect · 14 suspects at most
 *       then the names of the dead, then of the live
 * Returns { { id, delivery count, fields, errors of earlier attempts as JSON or '', 1 when its deliveries are used up, 1 for a suspect }… }, { ids whose entries were deleted… },
 *         { ids buried… }, 1 when more may be left, 1 when suspects were left, ms until the next parked message is due (as far as a hundred of them tell; -1 when none waits)
 */
export const claimScript = script(`${buryFunction}
local group, me, limit, allowed = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local dead, live = tonumber(ARGV[7]), tonumber(ARGV[9])
local takesExhausted = ARGV[11] == '1'
local taken, lost, buried = {}, {}, {}
local more, heldBack = 0, 0
local suspectCount, suspects = tonumber(ARGV[13]), tonumber(ARGV[14])
local names = 14
local alive = { [ARGV[5]] = true }
for i = names + 1 + dead, names + dead + live do alive[ARGV[i]] = true end

local function isSuspect(row)
  return row[2] ~= ARGV[5] and row[4] >= suspectCount and row[4] < allowed
end

-- What is parked has said why; whoever held anything else to work on it did not.
local function noted(row)
  local known = redis.call('HGET', KEYS[2], group .. ' ' .. row[1])
  if row[2] == ARGV[5] or row[4] > allowed then return known or '' end
  local errors = known and cjson.decode(known) or {}
  if #errors < 10 then errors[#errors + 1] = 'the consumer ' .. row[2] .. ' stopped without settling the message' end
  return cjson.encode(errors)
end

local function take(rows, page, minIdle)
  if #rows >= page then more = 1 end
  local ids, counts, errors, suspected = {}, {}, {}, {}
  local left = limit - #taken
  for _, row in ipairs(rows) do
    local id = row[1]
    if #ids >= left then
      more = 1
      break
    elseif isSuspect(row) and suspects <= 0 then
      heldBack = 1
    elseif row[4] >= allowed and not takesExhausted then
      local told = noted(row)
      if bury(group, id, row[4], told ~= '' and told or '[]') then buried[#buried + 1] = id else lost[#lost + 1] = id end
    else
      if isSuspect(row) then
        suspects = suspects - 1
        suspected[id] = 1
      end
      ids[#ids + 1] = id
      counts[id] = row[4]
      errors[id] = noted(row)
      if row[2] ~= ARGV[5] and errors[id] ~= '' then
        redis.call('HSET', KEYS[2], group .. ' ' .. id, errors[id])
        redis.call('PEXPIRE', KEYS[2], ARGV[12])
      end
    end
  end
  if #ids == 0 then return end
  for _, entry in ipairs(redis.call('XCLAIM', KEYS[1], group, me, minIdle, unpack(ids))) do
    if entry then
      local count = counts[entry[1]]
      -- Who was only to settle it has made no attempt.
      if count > allowed then
        count = allowed
        redis.call('XCLAIM', KEYS[1], group, me, 0, entry[1], 'RETRYCOUNT', allowed + 1, 'JUSTID')
      end
      taken[#taken + 1] = { entry[1], count + 1, entry[2], errors[entry[1]], count >= allowed and 1 or 0, suspected[entry[1]] or 0 }
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
  -- Suspects that are left must not hide what comes after them.
  local page = left + 64
  take(redis.call('XPENDING', KEYS[1], group, 'IDLE', minIdle, '-', '+', page, name), page, minIdle)
end

for i = names + 1, names + dead do pendingOf(ARGV[i], ARGV[8]) end
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
local wait = -1
for _, row in ipairs(redis.call('XPENDING', KEYS[1], group, '-', '+', 100, ARGV[5])) do
  local left = tonumber(ARGV[6]) - row[3]
  if left > 0 and (wait < 0 or left < wait) then wait = left end
end
return { taken, lost, buried, more, heldBack, wait }
`, { runsWhenFull: true });
