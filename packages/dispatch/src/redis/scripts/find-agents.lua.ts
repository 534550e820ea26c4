import { script } from '../redis-commands.ts';
import { presenceFunctions } from './presence.lua.ts';

/**
 * Reads agents, and who of them is there by the clock of the server. Not separable: the time and what it is compared with.
 *
 * KEYS  1 agents · ARGV  1 one name in lower case, or '' for all · 2 a text that a card has to hold, or ''
 * Returns per agent: its card, the lines of its presence
 */
export const findAgentsScript = script(`${presenceFunctions}
local at = now()
local cards, presences = {}, {}
if ARGV[1] ~= '' then
  local known = redis.call('HMGET', KEYS[1], 'card:' .. ARGV[1], 'at:' .. ARGV[1])
  if known[1] then cards[ARGV[1]] = known[1] end
  presences[ARGV[1]] = known[2]
else
  local rows = redis.call('HGETALL', KEYS[1])
  for i = 1, #rows, 2 do
    local kind, name = string.match(rows[i], '^(%a+):(.*)$')
    if kind == 'card' then cards[name] = rows[i + 1] elseif kind == 'at' then presences[name] = rows[i + 1] end
  end
end
local found = {}
for name, card in pairs(cards) do
  if ARGV[2] == '' or string.find(card, ARGV[2], 1, true) then
    found[#found + 1] = card
    found[#found + 1] = table.concat(present(presences[name], at, ''), '\\n')
  end
end
return found
`);
