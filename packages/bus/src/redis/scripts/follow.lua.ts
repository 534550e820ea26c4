import { script } from '../script.ts';
import { noteFollowUpsFunction } from './note-follow-up.lua.ts';

/**
 * Notes what was published when a message was settled, where the two were not one step.
 *
 * KEYS  1 hash of follow-ups · ARGV  1 ms they are kept · 2 id of the message · 3 id of the follow-up
 */
export const followScript = script(`${noteFollowUpsFunction}
noteFollowUps(KEYS[1], ARGV[1], ARGV[2], ARGV[3])
return 1
`, { runsWhenFull: true });
