/**
 * A function for scripts: notes what was published when messages were settled, for as long as a deduplication id is kept from now on.
 *
 * noteFollowUps(hash of follow-ups, ms they are kept, id of a message, id of its follow-up, …)
 */
export const noteFollowUpsFunction = `
local function noteFollowUps(key, keptMs, ...)
  redis.call('HSET', key, ...)
  redis.call('PEXPIRE', key, keptMs)
end
`;
