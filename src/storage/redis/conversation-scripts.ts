import { script } from './connection.ts'

/**
 * Shared by the writes of a conversation. KEYS metadata, entries, index, untitled. Entries are pushed by the thousand,
 * as Lua spreads no more than some 8,000 arguments. Metadata that is no JSON is kept: the write is refused.
 */
const WRITING = `
local function readable()
  local metadata = redis.call('GET', KEYS[1])
  return not metadata or (pcall(cjson.decode, metadata))
end
local function put(metadata, id, score, untitled, from)
  for i = from, #ARGV, 1000 do
    redis.call('RPUSH', KEYS[2], unpack(ARGV, i, math.min(i + 999, #ARGV)))
  end
  redis.call('SET', KEYS[1], metadata)
  redis.call('ZADD', KEYS[3], score, id)
  if untitled == '1' then redis.call('ZADD', KEYS[4], score, id) else redis.call('ZREM', KEYS[4], id) end
end
`

/**
 * ARGV id, expected length, metadata, score, whether it needs a title, entries. Returns nothing when written or
 * standing there already, else the stored length, or -1 when the metadata cannot be read.
 */
export const APPEND = script(`${WRITING}
local length, expected, count = redis.call('LLEN', KEYS[2]), tonumber(ARGV[2]), #ARGV - 5
if length ~= expected then
  if count == 0 or expected < 0 or length ~= expected + count then return length end
  for i, entry in ipairs(redis.call('LRANGE', KEYS[2], expected, -1)) do
    if entry ~= ARGV[5 + i] then return length end
  end
  return false
end
if not readable() then return -1 end
put(ARGV[3], ARGV[1], ARGV[4], ARGV[5], 6)
return false
`)

/** KEYS as above. ARGV id, metadata, score, whether it needs a title, entries. 1 if created, 0 when the id is taken. */
export const CREATE = script(`${WRITING}
if redis.call('EXISTS', KEYS[1], KEYS[2]) > 0 then return 0 end
put(ARGV[2], ARGV[1], ARGV[3], ARGV[4], 5)
return 1
`)

/** The arguments and answers of APPEND; all entries are replaced. */
export const REPLACE = script(`${WRITING}
local length = redis.call('LLEN', KEYS[2])
if length ~= tonumber(ARGV[2]) then return length end
if not readable() then return -1 end
put(ARGV[3], ARGV[1], ARGV[4], ARGV[5], 6)
if length > 0 then redis.call('LTRIM', KEYS[2], length, -1) end
return false
`)

/** KEYS as above. ARGV id, SHA-1 of the metadata that was read, metadata, score, whether it needs a title. 1 if written. */
export const UPDATE = script(`${WRITING}
local stored = redis.call('GET', KEYS[1])
if not stored or redis.sha1hex(stored) ~= ARGV[2] then return 0 end
put(ARGV[3], ARGV[1], ARGV[4], ARGV[5], 6)
return 1
`)

/** KEYS metadata, entries. Returns both. */
export const LOAD = script(`
return {redis.call('GET', KEYS[1]), redis.call('LRANGE', KEYS[2], 0, -1)}
`)

/** KEYS metadata, entries. Returns the metadata, its SHA-1 and the number of entries. */
export const HEAD = script(`
local metadata = redis.call('GET', KEYS[1])
return {metadata, metadata and redis.sha1hex(metadata), redis.call('LLEN', KEYS[2])}
`)

/** KEYS as above. ARGV id. Returns whether there was one. */
export const DELETE = script(`
local gone = redis.call('DEL', KEYS[1], KEYS[2])
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('ZREM', KEYS[4], ARGV[1])
return gone
`)

/**
 * KEYS index. ARGV first and last rank, prefix of metadata, prefix of entries, `heal` or `leave`. Returns id, metadata and number of
 * entries of each, newest first. What was removed by hand leaves the index (`heal`), and the ranks are read again.
 */
export const LIST = script(`
while true do
  local page, orphans = {}, {}
  for _, id in ipairs(redis.call('ZREVRANGE', KEYS[1], ARGV[1], ARGV[2])) do
    local metadata = redis.pcall('GET', ARGV[3] .. id)
    local length = redis.pcall('LLEN', ARGV[4] .. id)
    if type(metadata) == 'table' then metadata = '' end
    if type(length) == 'table' then metadata, length = metadata or '', 0 end
    if not metadata and length == 0 then
      orphans[#orphans + 1] = id
    else
      page[#page + 1] = id
      page[#page + 1] = metadata or ''
      page[#page + 1] = length
    end
  end
  local healed = #orphans > 0 and ARGV[5] == 'heal'
  for _, id in ipairs(healed and orphans or {}) do
    local removed = redis.pcall('ZREM', KEYS[1], id)
    if type(removed) == 'table' then healed = false end
  end
  if not healed then return page end
end
`)
