import { script } from '../script.ts';

/**
 * Makes a stream and a group of it, where they are missing. A script, because a full server refuses the plain command, also to consumers that would make room.
 *
 * KEYS  1 stream · ARGV  1 group · 2 where it begins: 0 or $ · Returns 1 when it was made, 0 when it was there
 */
export const makeGroupScript = script(`
local made = redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], ARGV[2], 'MKSTREAM')
if not made.err then return 1 end
if string.find(made.err, 'BUSYGROUP') then return 0 end
return made
`, { runsWhenFull: true });
