/**
 * A function for scripts that must not be carried out twice: what the batch with this number gave when it was carried out, or nil when it was not.
 * A lane has one batch under way, its numbers grow, and it remembers the last: `<number> <reply> <reply>…`.
 *
 * An attempt may come late, after a later one: a server that was held up finds both on connections of which one is long given up. It changes nothing.
 *
 * lane(key, number of the batch, attempt) gives the replies as they were remembered; words(text) takes them apart
 */
export const laneFunction = `
local function lane(key, number, attempt)
  local last = redis.call('GET', key)
  if not last then return nil end
  local its, replies = string.match(last, '^(%S+) (.*)$')
  if tonumber(its) < tonumber(number) then return nil end
  if its ~= number then error('a later batch of this lane was carried out') end
  if attempt ~= '1' then redis.call('SET', key, last, 'KEEPTTL') end -- WAIT goes by what its connection has written: this stands for what was written then
  return replies
end
local function words(text)
  local list = {}
  for word in string.gmatch(text, '%S+') do list[#list + 1] = word end
  return list
end
`;
