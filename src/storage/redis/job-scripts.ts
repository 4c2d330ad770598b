import { script } from './connection.ts'

/**
 * Tells a write of a definition: a new generation, and a message `before after id`. Where memory is full the
 * generation is removed instead, which counts as different, so that a deletion still works.
 */
const ANNOUNCE = `
local function announce(generation, channel, after, id)
  local before = redis.pcall('GETSET', generation, after)
  if type(before) == 'table' then redis.call('DEL', generation) end
  if type(before) ~= 'string' then before = '' end
  redis.pcall('PUBLISH', channel, before .. ' ' .. after .. ' ' .. id)
end
`

/** A definition and its SHA-1; for a key of another type an empty SHA-1. */
const DEFINITION = `
local function definition(key)
  local text = redis.pcall('GET', key)
  if not text then return false, '-' end
  if type(text) ~= 'string' then
    if string.find(text.err, 'WRONGTYPE', 1, true) then return '', '' end
    error(text.err, 0)
  end
  return text, redis.sha1hex(text)
end
`

/** KEYS definition, states. ARGV id. Returns definition, its SHA-1 (`-` when absent), state, seconds, microseconds. */
export const READ = script(`${DEFINITION}
local text, sha = definition(KEYS[1])
local time = redis.call('TIME')
return {text, sha, redis.call('HGET', KEYS[2], ARGV[1]), time[1], time[2]}
`)

/**
 * KEYS definition, index, states, generation, runs, order, runs of the job.
 * ARGV id, expected version of the state, expected SHA-1 of the definition or `*`, operation on the definition,
 * its text, operation on the state, its text, channel, new generation, then id, score and text of each run.
 * What needs memory comes before what frees it: a full server refuses all or nothing.
 */
export const WRITE = script(`${ANNOUNCE}${DEFINITION}
local id = ARGV[1]
local state = redis.call('HGET', KEYS[3], id)
if (state and string.match(state, '^(%x+) ') or '-') ~= ARGV[2] then return 0 end
if ARGV[3] ~= '*' then
  local _, sha = definition(KEYS[1])
  if sha ~= ARGV[3] then return 0 end
end
for i = 10, #ARGV, 3 do
  redis.call('HSET', KEYS[5], ARGV[i], ARGV[i + 2])
  redis.call('ZADD', KEYS[6], ARGV[i + 1], ARGV[i])
  redis.call('ZADD', KEYS[7], ARGV[i + 1], ARGV[i])
end
if ARGV[6] == 'put' then redis.call('HSET', KEYS[3], id, ARGV[7]) end
if ARGV[4] == 'put' then
  redis.call('HSET', KEYS[2], id, redis.sha1hex(ARGV[5]))
  redis.call('SET', KEYS[1], ARGV[5])
end
if ARGV[6] == 'remove' then redis.call('HDEL', KEYS[3], id) end
if ARGV[4] == 'remove' then
  redis.call('DEL', KEYS[1])
  redis.call('HDEL', KEYS[2], id)
end
if ARGV[4] ~= '' then announce(KEYS[4], ARGV[8], ARGV[9], id) end
return 1
`)

/**
 * Saves a definition in one step when that needs no judgement: there is none, or the stored one is as this program
 * wrote it. KEYS definition, index, states, generation. ARGV id, text, schedule hash, new version, channel, new
 * generation, whether it must be absent. Returns the JSON of the state, or nil: read, judge, and use WRITE.
 */
export const SAVE = script(`${ANNOUNCE}
local id, text = ARGV[1], ARGV[2]
local stored = redis.pcall('GET', KEYS[1])
if stored and type(stored) ~= 'string' then return false end
if stored and (ARGV[7] == '1' or redis.sha1hex(stored) ~= redis.call('HGET', KEYS[2], id)) then return false end
local state = redis.call('HGET', KEYS[3], id)
local hash, rest
if state then
  hash, rest = string.match(state, '^%x+ (%x+) %-?%d+ ({.*)$')
  if not rest then return false end
end
if not stored or hash ~= ARGV[3] then
  local time = redis.call('TIME')
  local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
  rest = rest or '{"runs":[],"failures":0}'
  redis.call('HSET', KEYS[3], id, ARGV[4] .. ' ' .. ARGV[3] .. ' ' .. now .. ' ' .. rest)
elseif stored == text then
  return rest
end
redis.call('HSET', KEYS[2], id, redis.sha1hex(text))
redis.call('SET', KEYS[1], text)
announce(KEYS[4], ARGV[5], ARGV[6], id)
return rest
`)

/** KEYS states, definitions. ARGV ids. Returns definition, SHA-1 and state of each. */
export const LOAD = script(`${DEFINITION}
local found = {}
for i, id in ipairs(ARGV) do
  local text, sha = definition(KEYS[i + 1])
  found[#found + 1] = text
  found[#found + 1] = sha
  found[#found + 1] = redis.call('HGET', KEYS[1], id)
end
return found
`)

/** Appends the SHA-1s that were found to the reply, unless they are those that are expected. */
const TELL_OTHERS = `
local function tell_others(reply, found, expected)
  if redis.sha1hex(table.concat(found, ' ')) == expected then return reply end
  for _, sha in ipairs(found) do reply[#reply + 1] = sha end
  return reply
end
`

/**
 * KEYS generation, definitions. ARGV SHA-1 of the expected SHA-1s with blanks between. Returns generation and number of
 * all keys, then, unless they are as expected, the SHA-1 of each definition: idle daemons ask all the time.
 */
export const LOOK = script(`${DEFINITION}${TELL_OTHERS}
local size = redis.pcall('DBSIZE')
local found = {}
for i = 2, #KEYS do
  local _, sha = definition(KEYS[i])
  found[#found + 1] = sha
end
return tell_others({redis.call('GET', KEYS[1]), type(size) == 'number' and size or 0}, found, ARGV[1])
`)

/**
 * Compares definitions with the index and corrects the index, so that edits by hand become known to all.
 * KEYS generation, index, definitions. ARGV as for LOOK, then ids. Returns the generation, then, unless they are as
 * expected, the SHA-1 of each (`-` when absent).
 */
export const VERIFY = script(`${DEFINITION}${TELL_OTHERS}
local found = {}
for i = 3, #KEYS do
  local id = ARGV[i - 1]
  local _, sha = definition(KEYS[i])
  local known = redis.call('HGET', KEYS[2], id)
  if sha == '-' then
    if known then redis.pcall('HDEL', KEYS[2], id) end
  elseif known ~= sha and known ~= '~' .. sha then
    redis.pcall('HSET', KEYS[2], id, '~' .. sha)
  end
  found[#found + 1] = sha
end
return tell_others({redis.call('GET', KEYS[1])}, found, ARGV[1])
`)

/** KEYS generation, index. Returns the generation and the index as it stands. */
export const INDEX = script(`
return {redis.call('GET', KEYS[1]), redis.call('HGETALL', KEYS[2])}
`)

/**
 * KEYS states. ARGV cursor of HSCAN. Returns the next cursor, then id and text of each state that carries a run, or that
 * has another form: it is for the reader to say that it cannot be read.
 */
export const UNSETTLED = script(`
local step = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', 1000)
local reply, fields = {step[1]}, step[2]
for i = 1, #fields, 2 do
  if not string.find(fields[i + 1], '"runs":[]', 1, true) then
    reply[#reply + 1] = fields[i]
    reply[#reply + 1] = fields[i + 1]
  end
end
return reply
`)

/** KEYS order, runs of the job, runs. ARGV how many to keep, ids to keep. Returns how many went. */
export const PRUNE = script(`
local kept = {}
for i = 2, #ARGV do kept[ARGV[i]] = true end
local gone = 0
for _, id in ipairs(redis.call('ZREVRANGE', KEYS[2], ARGV[1], -1)) do
  if not kept[id] then
    redis.call('ZREM', KEYS[2], id)
    redis.call('ZREM', KEYS[1], id)
    redis.call('HDEL', KEYS[3], id)
    gone = gone + 1
  end
end
return gone
`)

/** KEYS runs. ARGV run id. Returns the id of its job. */
export const JOB_OF = script(`
local run = redis.call('HGET', KEYS[1], ARGV[1])
return run and string.match(run, '^(%S+) ')
`)

/**
 * Takes in definitions with their rows of the ledger, their cursors at the server's now. A state that is left of a
 * former job of that id keeps its runs. KEYS ledger, index, states, generation, then each definition. ARGV for each:
 * key of the record, id, text, version, schedule hash and JSON of the state, channel, new generation. Returns the keys
 * of those that were written.
 */
export const IMPORT_JOBS = script(`${ANNOUNCE}
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
local taken = {}
for i = 1, #ARGV, 8 do
  local key, id, text, definition = ARGV[i], ARGV[i + 1], ARGV[i + 2], KEYS[5 + (i - 1) / 8]
  if redis.call('HSETNX', KEYS[1], key, 'already') == 1 and redis.call('EXISTS', definition) == 0 then
    local state = redis.call('HGET', KEYS[3], id)
    local rest = state and string.match(state, '^%x+ %x+ %-?%d+ ({.*)$') or ARGV[i + 5]
    redis.call('HSET', KEYS[1], key, 'import')
    redis.call('HSET', KEYS[3], id, ARGV[i + 3] .. ' ' .. ARGV[i + 4] .. ' ' .. now .. ' ' .. rest)
    redis.call('HSET', KEYS[2], id, redis.sha1hex(text))
    redis.call('SET', definition, text)
    announce(KEYS[4], ARGV[i + 6], ARGV[i + 7], id)
    taken[#taken + 1] = key
  end
end
return taken
`)
