/**
 * Makes a session the current one of its key, if the key still names the one that was seen there.
 *
 * KEYS: the key's pointer (string: session id). ARGV: the id that was seen, empty for none; the new id. Returns the id that the key names afterwards.
 */
export const claimKey = `
local current = redis.call('GET', KEYS[1]) or ''
if current == ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[2])
  return ARGV[2]
end
return current
`;
