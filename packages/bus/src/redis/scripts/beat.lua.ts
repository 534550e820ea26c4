import { script } from '../script.ts';

/**
 * Shows that a consumer lives, on a full server: that refuses the plain command, and would let all work be taken over.
 *
 * KEYS  1 consumers · ARGV  1 consumer · 2 its number
 */
export const beatScript = script(`
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1
`, { runsWhenFull: true });
