import { script } from '../script.ts';

/**
 * Publishes dead letters again. Not separable: the new entry and the removal of the dead letter.
 * Other groups of the stream have had the message: the new entry names the one it is for.
 *
 * KEYS  1 stream · 2 dead letters
 * ARGV  ids of dead letters
 * Returns the new ids
 */
export const redeliverScript = script(`
local ids = {}
for _, id in ipairs(ARGV) do
  local letter = redis.call('XRANGE', KEYS[2], id, id)[1]
  if letter then
    local fields = {}
    for i = 1, #letter[2], 2 do fields[letter[2][i]] = letter[2][i + 1] end
    ids[#ids + 1] = redis.call('XADD', KEYS[1], '*', 'type', fields['type'] or '', 'payload', fields['payload'] or '', 'group', fields['group'])
    redis.call('XDEL', KEYS[2], id)
  end
end
return ids
`, { runsWhenFull: true });
