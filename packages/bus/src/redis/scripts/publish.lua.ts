import { script } from '../script.ts';
import { laneFunction } from './lane.lua.ts';
import { roomFunction } from './room.lua.ts';

/**
 * Adds a batch of messages to one stream. Not separable: the check of the deduplication id and the entry (or two racing publishers add twice); the entry and the
 * memory of this batch (or a repeat after a lost reply adds twice). The first entry comes before its deduplication key, so that an XADD which the server refuses leaves no key
 * behind; what it takes then, it takes for the rest of the batch.
 *
 * What a lane did last was acknowledged before it does the next: a server that does not remember it has lost what it had acknowledged.
 *
 * KEYS  1 stream · 2 what this publisher's lane did last · 3… deduplication keys, of the messages that have one, in order
 * ARGV  1 number of the batch · 2 attempt, from 1 · 3 acknowledged entries to keep · 4 unacknowledged entries allowed · 5 ms a deduplication id is kept · 6 ms a lane is remembered
 *       7 '1' when only the newest unread entries are kept while there is no group · 8 number of the batch that this lane did before, '' when that is not known
 *       then per message: type, payload, digest of its deduplication id (or ''), digest of type and payload
 * Returns a text of words: first '1' when the server has forgotten the batch before, else '0'; then per message: an id (added), '=id' (was there), '!id' (the id belongs to another payload),
 *         '~' (the stream is full)
 */
export const publishScript = script(`${laneFunction}${roomFunction}
local done = lane(KEYS[2], ARGV[1], ARGV[2])
if done then return done end

local replies = { '0' }
if ARGV[8] ~= '' and string.match(redis.call('GET', KEYS[2]) or '', '^%S+') ~= ARGV[8] then replies[1] = '1' end

local stream = KEYS[1]
local left = room(stream, (#ARGV - 8) / 4, tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[7] == '1')
local ms, seq -- of the newest entry: those that follow it in this batch get the ids after it
local function after()
  seq = seq + 1
  return ms .. '-' .. string.format('%.0f', seq)
end
local function add(i, id, ...)
  local added = redis.pcall('XADD', stream, id, 'type', ARGV[i], 'payload', ARGV[i + 1], ...)
  if type(added) == 'table' then return added end
  if not ms then
    ms, seq = string.match(added, '^(%d+)-(%d+)$')
    seq = tonumber(seq)
  end
  left = left - 1
  return added
end
local function known(value, digest)
  local id, its = string.match(value, '^(%S+) (%S+)')
  return (its == digest and '=' or '!') .. id
end

local key = 3
for i = 9, #ARGV, 4 do
  local dedup, reply = ARGV[i + 2], nil
  if dedup == '' then
    reply = left <= 0 and '~' or add(i, ms and after() or '*')
  else
    local digest = ARGV[i + 3]
    if ms and left > 0 then
      -- Its id is known before its entry is there: one look tells whether it is new, and remembers it.
      local id = after()
      if redis.call('SET', KEYS[key], id .. ' ' .. digest, 'NX', 'PX', ARGV[5]) then
        reply = add(i, id, 'dedup', dedup)
        if type(reply) == 'table' then redis.call('DEL', KEYS[key]) end
      else
        reply = known(redis.call('GET', KEYS[key]), digest)
      end
    else
      local value = redis.call('GET', KEYS[key])
      if value then
        reply = known(value, digest)
      elseif left <= 0 then
        reply = '~'
      else
        reply = add(i, '*', 'dedup', dedup)
        if type(reply) ~= 'table' then redis.call('SET', KEYS[key], reply .. ' ' .. digest, 'PX', ARGV[5]) end
      end
    end
    key = key + 1
  end
  if type(reply) == 'table' then
    -- A full server decides that at the beginning of a script: room that is made now is there for the next.
    if string.find(reply.err, '^OOM') then room(stream, 1, tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[7] == '1', true) end
    return reply
  end
  replies[#replies + 1] = reply
end
local words = table.concat(replies, ' ')
redis.call('SET', KEYS[2], ARGV[1] .. ' ' .. words, 'PX', ARGV[6])
return words
`);
