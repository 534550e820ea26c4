import { script } from '../script.ts';

/**
 * Takes new messages of several streams, no more than there are places for. Not separable: what the first streams give decides how many the next ones may.
 *
 * KEYS  the streams, in the order in which they are served, those of one subscriber after those of the other
 * ARGV  1 group · 2 consumer · then per subscriber: its number of streams, its places
 * Returns per stream: false when it was not asked, else its entries, or the server's refusal as text: what the other streams gave must not be lost with it
 */
export const takeScript = script(`
local replies, key = {}, 1
for i = 3, #ARGV, 2 do
  local left = tonumber(ARGV[i + 1])
  for _ = 1, tonumber(ARGV[i]) do
    if left <= 0 then
      replies[#replies + 1] = false
    else
      local found = redis.pcall('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', left, 'STREAMS', KEYS[key], '>')
      if found and found.err then
        replies[#replies + 1] = found.err
      else
        local entries = found and found[1][2] or {}
        left = left - #entries
        replies[#replies + 1] = entries
      end
    end
    key = key + 1
  end
end
return replies
`);
