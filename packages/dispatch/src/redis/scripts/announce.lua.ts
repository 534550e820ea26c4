import { script } from '../redis-commands.ts';
import { presenceFunctions } from './presence.lua.ts';

/**
 * Makes agents known and renews their presence in one process. Not separable: reading who else is there and writing it back, or two processes that announce one agent lose each
 * other. Now and then it removes who has not been seen for long.
 *
 * KEYS  1 agents (hash: `card:<name>`, `at:<name>`, `swept`)
 * ARGV  1 the process, as JSON · 2 ms that they count as present · 3 ms after which an unseen agent is removed · 4 ms between two looks for such
 *       then per agent: name in lower case, card, active tasks
 */
export const announceScript = script(`${presenceFunctions}
local at = now()
local expiresAt = string.format('%.0f', at + tonumber(ARGV[2]))
local seen = string.format('%.0f', at)
for i = 5, #ARGV, 3 do
  local lines = present(redis.call('HGET', KEYS[1], 'at:' .. ARGV[i]), at, ARGV[1])
  lines[#lines + 1] = expiresAt .. ' ' .. ARGV[i + 2] .. ' ' .. ARGV[1]
  redis.call('HSET', KEYS[1], 'card:' .. ARGV[i], ARGV[i + 1], 'at:' .. ARGV[i], seen .. '\\n' .. table.concat(lines, '\\n'))
end

local swept = tonumber(redis.call('HGET', KEYS[1], 'swept') or 0)
if at - swept < tonumber(ARGV[4]) then return end
redis.call('HSET', KEYS[1], 'swept', seen)
local rows = redis.call('HGETALL', KEYS[1])
for i = 1, #rows, 2 do
  local name = string.match(rows[i], '^at:(.*)$')
  if name and #present(rows[i + 1], at, '') == 0 and at - tonumber(string.match(rows[i + 1], '^%d+')) > tonumber(ARGV[3]) then
    redis.call('HDEL', KEYS[1], 'card:' .. name, 'at:' .. name)
  end
end
`);
