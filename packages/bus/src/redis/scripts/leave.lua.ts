import { script } from '../script.ts';

/**
 * Removes a consumer that holds nothing. Not separable: the check and the removal, because removing a consumer drops its pending work.
 *
 * KEYS  1 stream · ARGV  1 group · 2 consumer · Returns 1 when it was removed
 */
export const leaveScript = script(`
if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2]) > 0 then return 0 end
redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
return 1
`);
