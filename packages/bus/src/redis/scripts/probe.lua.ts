import { script } from '../script.ts';

/**
 * Writes something of no worth, to see which replicas get it.
 *
 * KEYS  1 the probe · ARGV  1 ms it is kept · Returns 1
 */
export const probeScript = script(`
redis.call('SET', KEYS[1], '', 'PX', ARGV[1])
return 1
`, { runsWhenFull: true });
