/**
 * A function for scripts: how many entries a stream may take. Makes room where it is short, never at the cost of what some group has not acknowledged.
 *
 * room(stream, number of entries to come, acknowledged entries to keep, unacknowledged entries allowed, whether unread entries may go while there is no group,
 *      whether the server is full: then every entry counts, and acknowledged ones are not worth keeping)
 */
export const roomFunction = `
local function less(a, b)
  local ams, aseq = string.match(a, '(%d+)-(%d+)')
  local bms, bseq = string.match(b, '(%d+)-(%d+)')
  ams, bms = tonumber(ams), tonumber(bms)
  if ams ~= bms then return ams < bms end
  return tonumber(aseq) < tonumber(bseq)
end

local function room(stream, count, maxLength, maxBacklog, trimsUnread, isFull)
  local length = redis.call('XLEN', stream)
  local left = maxBacklog - length
  -- Looked at once in 64 entries, or when there is no room.
  if length == 0 or (not isFull and left >= count and (length <= maxLength or (length % 64) + count < 64)) then return left end
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
  if floor == nil and trimsUnread then
    redis.call('XTRIM', stream, 'MAXLEN', '~', maxLength)
    return maxBacklog
  end
  if floor == nil then
    backlog = length
  elseif isFull then
    redis.call('XTRIM', stream, 'MINID', '~', floor)
  elseif length - maxLength >= 100 then
    redis.call('XTRIM', stream, 'MINID', '~', floor, 'LIMIT', length - maxLength)
  end
  return maxBacklog - math.min(backlog, length)
end
`;
