import { script } from '../script.ts';
import { laneFunction } from './lane.lua.ts';

/**
 * Publishes again what is no longer there. Not separable: the check that it is gone, and the entry; and the memory of it, by which a repeat after a lost reply knows its own
 * work from what was there.
 *
 * KEYS  1 stream · 2 deduplication key · 3 what this lane did last
 * ARGV  1 number of this work · 2 attempt · 3 ms a lane is remembered · 4 type · 5 payload · 6 digest of the deduplication id · 7 digest of type and payload
 *       8 ms a deduplication id is kept · 9 beginning of the keys of follow-ups · 10 ms whose messages share one
 * Returns { the word kept | settled | restored | conflict, id }
 */
export const restoreScript = script(`${laneFunction}
local done = lane(KEYS[3], ARGV[1], ARGV[2])
if done then return words(done) end

local known = redis.call('GET', KEYS[2])
if known then
  local id, digest = string.match(known, '^(%S+) (%S+)')
  if digest ~= ARGV[7] then return { 'conflict', id } end
  local followUps = ARGV[9] .. string.format('%.0f', math.floor(tonumber(string.match(id, '^%d+')) / tonumber(ARGV[10])))
  if redis.call('HEXISTS', followUps, id) == 1 then return { 'settled', id } end
  if redis.call('XRANGE', KEYS[1], id, id)[1] then
    redis.call('PEXPIRE', KEYS[2], ARGV[8]) -- whoever asks still cares; and WAIT goes by what its connection has written
    return { 'kept', id }
  end
end
local id = redis.call('XADD', KEYS[1], '*', 'type', ARGV[4], 'payload', ARGV[5], 'dedup', ARGV[6])
redis.call('SET', KEYS[2], id .. ' ' .. ARGV[7], 'PX', ARGV[8])
redis.call('SET', KEYS[3], ARGV[1] .. ' restored ' .. id, 'PX', ARGV[3])
return { 'restored', id }
`);
