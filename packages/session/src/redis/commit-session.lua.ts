/**
 * Stores a session and adds to its transcript, if the revision is the expected one: neither may happen without the other, nor after another commit onto the same
 * revision.
 *
 * KEYS: session (hash: revision, document), transcript (list of JSON), ids (hash: message id -> seq). ARGV: expected revision, new revision, session JSON, then for each
 * message its id, seq and JSON. Returns 1, or 0 when the revision is another one and nothing was written.
 */
export const commitSession = `
if redis.call('HGET', KEYS[1], 'revision') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'revision', ARGV[2], 'document', ARGV[3])
redis.call('PERSIST', KEYS[1])
for i = 4, #ARGV, 3 do
  redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1])
  redis.call('RPUSH', KEYS[2], ARGV[i + 2])
end
return 1
`;
