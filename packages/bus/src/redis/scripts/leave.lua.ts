import { script } from '../script.ts';

/**
 * Removes consumers that hold nothing. Not separable: the check and the removal, because removing a consumer drops its pending work.
 *
 * KEYS  1 stream · ARGV  1 group · then the consumers · Returns how many were removed
 */
export const leaveScript = script(`
local removed = 0
for i = 2, #ARGV do
  if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[i]) == 0 then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[i])
    removed = removed + 1
  end
end
return removed
`);
