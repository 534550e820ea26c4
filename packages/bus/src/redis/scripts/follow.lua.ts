import { script } from '../script.ts';

/**
 * Notes what was published when a message was settled, where the two were not one step.
 *
 * KEYS  1 deduplication key of the message · ARGV  1 id of the message · 2 id of the follow-up · Returns 1 when it was noted
 */
export const followScript = script(`
local known = redis.call('GET', KEYS[1])
if not known then return 0 end
local id, digest = string.match(known, '^(%S+) (%S+)')
if id ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], id .. ' ' .. digest .. ' ' .. ARGV[2], 'KEEPTTL')
return 1
`);
