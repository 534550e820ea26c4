/**
 * A function for scripts: moves a pending entry to the dead letters. Not separable: the copy and the acknowledgement.
 * KEYS are the script's: 1 stream · 2 errors of earlier attempts · 3 dead letters. Gives false when the entry is gone, which is a loss, not a dead letter.
 */
export const buryFunction = `
local function bury(group, id, count, errors)
  local entry = redis.call('XRANGE', KEYS[1], id, id)[1]
  if not entry then
    redis.call('XACK', KEYS[1], group, id)
    return false
  end
  local fields = { 'msg_id', id, 'group', group, 'delivery_count', count, 'errors', errors }
  for i = 1, #entry[2], 2 do
    local name = entry[2][i]
    if name == 'type' or name == 'payload' or name == 'msg_type' then
      fields[#fields + 1] = name == 'msg_type' and 'type' or name
      fields[#fields + 1] = entry[2][i + 1]
    end
  end
  redis.call('XADD', KEYS[3], '*', unpack(fields))
  redis.call('XACK', KEYS[1], group, id)
  redis.call('HDEL', KEYS[2], group .. ' ' .. id)
  return true
end
`;
