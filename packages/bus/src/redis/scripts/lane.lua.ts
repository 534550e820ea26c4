/**
 * A function for scripts that must not be carried out twice: what the batch with this number gave when it was carried out, or nil when it was not.
 * A lane has one batch under way, and remembers the last: `<number> <reply> <reply>…`.
 *
 * lane(key, number of the batch, attempt) gives the replies as they were remembered; words(text) takes them apart
 */
export const laneFunction = `
local function lane(key, number, attempt)
  if attempt == '1' then return nil end
  local last = redis.call('GET', key)
  if not last then return nil end
  local its, replies = string.match(last, '^(%S+) (.*)$')
  if its ~= number then return nil end
  redis.call('SET', key, last, 'KEEPTTL') -- WAIT goes by what its connection has written: this stands for what was written then
  return replies
end
local function words(text)
  local list = {}
  for word in string.gmatch(text, '%S+') do list[#list + 1] = word end
  return list
end
`;
