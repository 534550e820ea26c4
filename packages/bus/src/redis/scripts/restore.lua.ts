import { script } from '../script.ts';

/**
 * Publishes again what is no longer there. Not separable: the check that it is gone, and the entry.
 *
 * KEYS  1 stream · 2 deduplication key
 * ARGV  1 type · 2 payload · 3 digest of the deduplication id · 4 digest of type and payload · 5 ms a deduplication id is kept
 * Returns { the word kept | settled | restored | conflict, id }
 */
export const restoreScript = script(`
local known = redis.call('GET', KEYS[2])
if known then
  local id, digest, followUp = string.match(known, '^(%S+) (%S+) ?(%S*)$')
  if digest ~= ARGV[4] then return { 'conflict', id } end
  if followUp ~= '' then return { 'settled', id } end
  if redis.call('XRANGE', KEYS[1], id, id)[1] then return { 'kept', id } end
end
local id = redis.call('XADD', KEYS[1], '*', 'type', ARGV[1], 'payload', ARGV[2], 'dedup', ARGV[3])
redis.call('SET', KEYS[2], id .. ' ' .. ARGV[4], 'PX', ARGV[5])
return { 'restored', id }
`);
