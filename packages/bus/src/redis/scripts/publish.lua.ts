import { script } from '../script.ts';

/**
 * Adds a batch of messages to one stream. Not separable: the check of the deduplication id and the entry (or two racing publishers add twice); the entry and the
 * memory of this batch (or a repeat after a lost reply adds twice). The entry comes before its deduplication key, so that a failing XADD leaves no key behind.
 *
 * KEYS  1 stream · 2 what this publisher's lane did last · 3… deduplication keys, of the messages that have one, in order
 * ARGV  1 number of the batch · 2 attempt, from 1 · 3 acknowledged entries to keep · 4 unacknowledged entries allowed · 5 ms a deduplication id is kept · 6 ms a lane is remembered
 *       then per message: type, payload, digest of its deduplication id (or ''), digest of type and payload
 * Returns per message: an id (added), '=id' (was there), '!id' (the id belongs to another payload), '~' (the stream is full)
 */
export const publishScript = script(`
if ARGV[2] ~= '1' then
  local last = redis.call('GET', KEYS[2])
  if last then
    local replies = {}
    for word in string.gmatch(last, '%S+') do replies[#replies + 1] = word end
    if table.remove(replies, 1) == ARGV[1] then return replies end
  end
end

local stream = KEYS[1]
local count = (#ARGV - 6) / 4
local length = redis.call('XLEN', stream)
local maxLength = tonumber(ARGV[3])
local maxBacklog = tonumber(ARGV[4])
local room = maxBacklog - length

local function less(a, b)
  local ams, aseq = string.match(a, '(%d+)-(%d+)')
  local bms, bseq = string.match(b, '(%d+)-(%d+)')
  ams, bms = tonumber(ams), tonumber(bms)
  if ams ~= bms then return ams < bms end
  return tonumber(aseq) < tonumber(bseq)
end

-- Room is made once in 64 entries, or when there is none: never at the cost of what some group has not acknowledged.
if length > 0 and (room < count or (length > maxLength and (length % 64) + count >= 64)) then
  local floor = nil
  local backlog = 0
  local groups = redis.call('XINFO', 'GROUPS', stream)
  for _, fields in ipairs(groups) do
    local group = {}
    for i = 1, #fields, 2 do group[fields[i]] = fields[i + 1] end
    local ms, seq = string.match(group['last-delivered-id'], '(%d+)-(%d+)')
    local low = ms .. '-' .. string.format('%.0f', tonumber(seq) + 1)
    local pending = tonumber(group['pending'])
    if pending > 0 then low = redis.call('XPENDING', stream, group['name'])[2] end
    local lag = tonumber(group['lag'] or nil) or length
    if pending + lag > backlog then backlog = pending + lag end
    if floor == nil or less(low, floor) then floor = low end
  end
  if floor == nil then
    backlog = length
  elseif length - maxLength >= 100 then
    redis.call('XTRIM', stream, 'MINID', '~', floor, 'LIMIT', length - maxLength)
  end
  room = maxBacklog - math.min(backlog, length)
end

local replies = {}
local key = 3
for i = 7, #ARGV, 4 do
  local reply = nil
  local dedup = ARGV[i + 2]
  if dedup ~= '' then
    local known = redis.call('GET', KEYS[key])
    if known then
      local id, digest = string.match(known, '^(%S+) (.*)$')
      reply = (digest == ARGV[i + 3] and '=' or '!') .. id
    end
  end
  if reply == nil then
    if room <= 0 then
      reply = '~'
    elseif dedup == '' then
      reply = redis.call('XADD', stream, '*', 'type', ARGV[i], 'payload', ARGV[i + 1])
      room = room - 1
    else
      reply = redis.call('XADD', stream, '*', 'type', ARGV[i], 'payload', ARGV[i + 1], 'dedup', dedup)
      redis.call('SET', KEYS[key], reply .. ' ' .. ARGV[i + 3], 'PX', ARGV[5])
      room = room - 1
    end
  end
  if dedup ~= '' then key = key + 1 end
  replies[#replies + 1] = reply
end
redis.call('SET', KEYS[2], ARGV[1] .. ' ' .. table.concat(replies, ' '), 'PX', ARGV[6])
return replies
`);
