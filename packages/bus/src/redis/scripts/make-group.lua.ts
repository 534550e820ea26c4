import { script } from '../script.ts';

/**
 * Makes a stream and a group of it, where they are missing. A script, because a full server refuses the plain command, also to consumers that would make room.
 *
 * A group that was lost begins behind what it had settled, as far as that is known: of the messages before the last one that was settled with a follow-up, those without one are
 * put where they are due at once. Not separable: another consumer would read what is about to be passed over. What was acknowledged without a follow-up comes again.
 * Where several groups read the stream, nobody knows which of them settled a message, and the group begins at the beginning.
 *
 * KEYS  1 stream
 * ARGV  1 group · 2 where it begins: 0 or $ · then, of a group that was lost: 3 beginning of the keys of follow-ups · 4 ms whose messages share one · 5 the parking consumer
 *       6 idle ms at which a parked message is due · 7 entries that are looked at
 * Returns 1 when it was made, 0 when it was there
 */
export const makeGroupScript = script(`
local stream, group = KEYS[1], ARGV[1]
local made = redis.pcall('XGROUP', 'CREATE', stream, group, ARGV[2], 'MKSTREAM')
if made.err and string.find(made.err, 'BUSYGROUP') then return 0 end
if made.err then return made end
if not ARGV[3] or #redis.call('XINFO', 'GROUPS', stream) > 1 then return 1 end

local function isSettled(id)
  local hour = math.floor(tonumber(string.match(id, '^%d+')) / tonumber(ARGV[4]))
  return redis.call('HEXISTS', ARGV[3] .. string.format('%.0f', hour), id) == 1
end

local from, seen, settled, settledAt = '-', 0, nil, 0
local open, since = {}, {} -- without a follow-up: before the last that has one, and behind it
repeat
  local page = redis.call('XRANGE', stream, from, '+', 'COUNT', 500)
  for _, entry in ipairs(page) do
    seen = seen + 1
    if isSettled(entry[1]) then
      settled, settledAt = entry[1], seen
      for _, id in ipairs(since) do open[#open + 1] = id end
      since = {}
    else
      since[#since + 1] = entry[1]
    end
  end
  if #page > 0 then from = '(' .. page[#page][1] end
until #page < 500 or seen >= tonumber(ARGV[7])
if not settled then return 1 end

local about = redis.call('XINFO', 'STREAM', stream)
local of = {}
for i = 1, #about, 2 do of[about[i]] = about[i + 1] end
redis.call('XGROUP', 'SETID', stream, group, settled, 'ENTRIESREAD', string.format('%.0f', of['entries-added'] - of['length'] + settledAt))
for first = 1, #open, 500 do
  local args = {}
  for i = first, math.min(first + 499, #open) do args[#args + 1] = open[i] end
  for _, option in ipairs({ 'IDLE', ARGV[6], 'RETRYCOUNT', 0, 'FORCE', 'JUSTID' }) do args[#args + 1] = option end
  redis.call('XCLAIM', stream, group, ARGV[5], 0, unpack(args))
end
return 1
`, { runsWhenFull: true });
