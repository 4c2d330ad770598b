import type { ImportRecord } from '#storage/contract/coordination.ts'
import { checkKey } from '#storage/rules/check.ts'
import { checkImport } from '#storage/rules/check-records.ts'
import type { ImportLedger } from '#storage/rules/coordination.ts'
import { freshState } from '#storage/rules/run-transitions.ts'
import { type RedisConnection, type Script, script } from './connection.ts'
import { head, keysOf } from './conversations.ts'
import { IMPORT_JOBS } from './job-scripts.ts'
import { jobToText } from './job-text.ts'
import { changesChannel, keys } from './keys.ts'
import { planToText } from './plans.ts'
import { prefixedIds } from './scan.ts'
import { token } from './schema.ts'
import { groupToText } from './session-groups.ts'
import { stateToText } from './state-text.ts'

type Outcome = 'import' | 'already'

/** Records of one kind that share a script: enough that the round trip hardly counts, few enough that others get their turn. */
const BATCH = 1_000
/** A script is also ended by its size, in characters. */
const BATCH_CHARACTERS = 1_000_000

/** KEYS ledger. ARGV keys of records. Only notes them. */
const IMPORT_KEYS = script(`
for i = 1, #ARGV do redis.call('HSETNX', KEYS[1], ARGV[i], 'already') end
return {}
`)

/** KEYS ledger, hash. ARGV key of the record, field, text of each. Returns the keys of those that were written. */
const IMPORT_TEXTS = script(`
local taken = {}
for i = 1, #ARGV, 3 do
  if redis.call('HSETNX', KEYS[1], ARGV[i], 'already') == 1 and redis.call('HSETNX', KEYS[2], ARGV[i + 1], ARGV[i + 2]) == 1 then
    redis.call('HSET', KEYS[1], ARGV[i], 'import')
    taken[#taken + 1] = ARGV[i]
  end
end
return taken
`)

/** KEYS ledger, list. ARGV key of the record and line of each. Returns the keys of those that were written. */
const IMPORT_LINES = script(`
local taken, lines = {}, {}
for i = 1, #ARGV, 2 do
  if redis.call('HSETNX', KEYS[1], ARGV[i], 'import') == 1 then
    taken[#taken + 1] = ARGV[i]
    lines[#lines + 1] = ARGV[i + 1]
  end
end
if #lines > 0 then redis.call('RPUSH', KEYS[2], unpack(lines)) end
return taken
`)

/** KEYS ledger, metadata, entries, index, untitled. ARGV key of the record, id, metadata, score, whether it needs a title, entries. */
const IMPORT_CONVERSATION = script(`
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then return {} end
if redis.call('EXISTS', KEYS[2], KEYS[3]) > 0 then
  redis.call('HSET', KEYS[1], ARGV[1], 'already')
  return {}
end
redis.call('HSET', KEYS[1], ARGV[1], 'import')
for i = 6, #ARGV, 1000 do redis.call('RPUSH', KEYS[3], unpack(ARGV, i, math.min(i + 999, #ARGV))) end
redis.call('SET', KEYS[2], ARGV[3])
redis.call('ZADD', KEYS[4], ARGV[4], ARGV[2])
if ARGV[5] == '1' then redis.call('ZADD', KEYS[5], ARGV[4], ARGV[2]) end
return {ARGV[1]}
`)

const connections = new WeakMap<ImportLedger['import'], RedisConnection>()

/** The connection behind an `import`, for what reads keys of other programs that stand beside ours. */
export function connectionBehind({ import: take }: Pick<ImportLedger, 'import'>): RedisConnection | undefined {
  return connections.get(take)
}

/** The ledger of imports, and the imports: a script for each batch of one kind. */
export function redisImports(connection: RedisConnection): ImportLedger {
  const methods: ImportLedger = {
    async imported(source) {
      checkKey('redis', 'source', source)
      const stored = await connection.call<string[]>('HGETALL', keys.imports + source)
      const outcomes = new Map<string, Outcome>()
      for (let i = 0; i + 1 < stored.length; i += 2) outcomes.set(stored[i] ?? '', stored[i + 1] as Outcome)
      return outcomes
    },
    async importSources() {
      return [...(await prefixedIds(connection, keys.imports))].sort()
    },
    async restoreImports(source, outcomes) {
      checkKey('redis', 'source', source)
      for (const [key, outcome] of outcomes) await connection.call('HSETNX', keys.imports + source, key, outcome)
    },
    async import(source, records) {
      checkKey('redis', 'source', source)
      for (const record of records) checkImport('redis', record)
      const outcomes = new Map<string, Outcome>()
      for (const { script: take, on, args, names } of batches(records, connection.address.db)) {
        const taken = new Set(await connection.run<string[]>(take, [keys.imports + source, ...on], args))
        for (const name of names) if (!outcomes.has(name)) outcomes.set(name, taken.has(name) ? 'import' : 'already')
      }
      return outcomes
    },
  }
  connections.set(methods.import, connection)
  return methods
}

interface Batch {
  readonly script: Script
  /** Keys behind that of the ledger. */
  readonly on: string[]
  readonly args: (string | number)[]
  /** Keys of the records. */
  readonly names: string[]
}

/** The scripts to run, in the order of the records. */
function* batches(records: readonly ImportRecord[], db: number): Generator<Batch> {
  let open: (Batch & { size: number }) | undefined
  for (const record of records) {
    const next = taking(record, db)
    const size = next.args.reduce<number>((sum, arg) => sum + String(arg).length, 0)
    const fits = open && open.names.length < BATCH && open.size + size <= BATCH_CHARACTERS
    if (open && fits && next.script === open.script && next.script !== IMPORT_CONVERSATION) {
      if (next.script === IMPORT_JOBS) open.on.push(...next.on.slice(JOB_KEYS))
      open.args.push(...next.args)
      open.names.push(record.key)
      open.size += size
    } else {
      if (open) yield open
      open = { ...next, names: [record.key], size }
    }
  }
  if (open) yield open
}

/** Keys that all jobs of a batch share, before those of the definitions. */
const JOB_KEYS = 3

function taking(record: ImportRecord, db: number): Pick<Batch, 'script' | 'on' | 'args'> {
  const { key } = record
  switch (record.kind) {
    case 'seen':
      return { script: IMPORT_KEYS, on: [], args: [key] }
    case 'history':
      return { script: IMPORT_LINES, on: [keys.history], args: [key, record.command] }
    case 'plan':
      return { script: IMPORT_TEXTS, on: [keys.plans], args: [key, record.plan.id, planToText(record.plan)] }
    case 'session_group':
      return { script: IMPORT_TEXTS, on: [keys.groups], args: [key, record.groupKey, groupToText(record.group)] }
    case 'conversation': {
      const { metadata, entries } = record.conversation
      const texts = entries.map((entry) => JSON.stringify(entry))
      const args = [key, metadata.id, ...head(metadata.id, metadata, entries.length), ...texts]
      return { script: IMPORT_CONVERSATION, on: keysOf(metadata.id), args }
    }
    case 'job': {
      const { job, lastRun, lastError } = record
      const state = {
        ...freshState(job, new Date(0)),
        ...(lastRun && { lastRun }),
        ...(lastError !== undefined && { lastError }),
      }
      const [version = '', hash = '', , ...rest] = stateToText(token(), state).split(' ')
      return {
        script: IMPORT_JOBS,
        on: [keys.jobIndex, keys.states, keys.generation, keys.jobs + job.id],
        args: [key, job.id, jobToText(job), version, hash, rest.join(' '), changesChannel(db), token()],
      }
    }
  }
}
