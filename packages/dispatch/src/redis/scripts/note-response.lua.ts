import { script } from '../redis-commands.ts';

/**
 * Notes what has become of a claimed message. Not separable: reading the claim and writing it back. It goes when it would have gone.
 *
 * KEYS  1 claim (JSON) · ARGV  1 status · 2 id of the task's entry, or '' · Returns 1, or 0 when there is no claim that can be read
 */
export const noteResponseScript = script(`
local known = redis.call('GET', KEYS[1])
if not known then return 0 end
local isRead, claim = pcall(cjson.decode, known)
if not isRead or type(claim) ~= 'table' then return 0 end
claim.status = ARGV[1]
if ARGV[2] ~= '' then claim.msg_id = ARGV[2] end
redis.call('SET', KEYS[1], cjson.encode(claim), 'KEEPTTL')
return 1
`);
