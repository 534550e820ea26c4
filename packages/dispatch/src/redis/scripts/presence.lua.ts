/**
 * Functions for scripts that read when agents were seen. What is kept of an agent's presence is a text: when it was seen last, then a line for each process, `until active id`,
 * in milliseconds of the server's clock. The id is JSON, so it has no line breaks.
 *
 * now(): the server's time · present(presence, now, instance): the lines that still count, without those of `instance`
 */
export const presenceFunctions = `
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function present(presence, at, instance)
  local lines = {}
  for expiresAt, active, id in string.gmatch(presence or '', '(%d+) (%d+) ([^\\n]+)') do
    if tonumber(expiresAt) > at and id ~= instance then lines[#lines + 1] = expiresAt .. ' ' .. active .. ' ' .. id end
  end
  return lines
end
`;
