import { script } from '../script.ts';
import { noteFollowUpFunction } from './note-follow-up.lua.ts';

/**
 * Notes what was published when a message was settled, where the two were not one step.
 *
 * KEYS  1 deduplication key of the message · ARGV  1 id of the message · 2 id of the follow-up
 */
export const followScript = script(`${noteFollowUpFunction}
noteFollowUp(KEYS[1], ARGV[1], ARGV[2])
return 1
`, { runsWhenFull: true });
