import { script } from '../script.ts';

/**
 * Renews what a consumer still holds, for readers of other libraries that go by idle time, and keeps its deduplication ids. Not separable: the check of the holder
 * and the renewal, which would otherwise steal.
 *
 * KEYS  1 stream · 2… deduplication keys to keep
 * ARGV  1 group · 2 consumer · 3 ms a deduplication id is kept · then id, delivery count of each
 * Returns the ids that are no longer held
 */
export const touchScript = script(`
local gone = {}
for i = 4, #ARGV, 2 do
  local id = ARGV[i]
  local row = redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1)[1]
  if row and row[2] == ARGV[2] and row[4] == tonumber(ARGV[i + 1]) then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, id, 'JUSTID')
  else
    gone[#gone + 1] = id
  end
end
for i = 2, #KEYS do redis.call('PEXPIRE', KEYS[i], ARGV[3]) end
return gone
`);
