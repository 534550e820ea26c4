import { script } from '../redis-commands.ts';
import { presenceFunctions } from './presence.lua.ts';

/**
 * Ends the presence of agents in one process. Not separable: reading who else is there and writing it back.
 *
 * KEYS  1 agents · ARGV  1 the process, as JSON · then names in lower case
 */
export const withdrawScript = script(`${presenceFunctions}
local at = now()
for i = 2, #ARGV do
  local known = redis.call('HGET', KEYS[1], 'at:' .. ARGV[i])
  if known then
    local lines = present(known, at, ARGV[1])
    redis.call('HSET', KEYS[1], 'at:' .. ARGV[i], string.match(known, '^%d+') .. '\\n' .. table.concat(lines, '\\n'))
  end
end
`);
