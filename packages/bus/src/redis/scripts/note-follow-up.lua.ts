/**
 * A function for scripts: notes under the deduplication id of a message what was published when it was settled, as `<id> <digest> <id of the follow-up>`. Nothing is noted
 * when the id is no longer remembered, or belongs to another message.
 *
 * noteFollowUp(deduplication key, id of the message, id of the follow-up)
 */
export const noteFollowUpFunction = `
local function noteFollowUp(key, id, followUp)
  if redis.call('TYPE', key)['ok'] ~= 'string' then return end
  local knownId, digest = string.match(redis.call('GET', key), '^(%S+) (%S+)')
  if knownId == id then redis.call('SET', key, id .. ' ' .. digest .. ' ' .. followUp, 'KEEPTTL') end
end
`;
