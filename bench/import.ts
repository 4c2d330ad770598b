import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { Redis } from 'ioredis'
import pg from 'pg'
import { keys } from '#storage/redis/keys.ts'
import { migrateLegacyArtifacts } from '#storage/transfer/import-artifacts.ts'
import { type Figure, type Row, ratioRow } from './figure.ts'
import { timed } from './measure.ts'
import { makeDirectory, makePlace, type PlaceOptions } from './places.ts'

const JOBS = 10_000
const PLANS = 10_000
const LINES = 100_000
const LIMIT = 3
const ROUNDS = 3
/** Rows of a transaction or pipeline of the yardstick. */
const BATCH = 500

/**
 * Everything at once from files into an empty store. The yardstick reads the same files and loads what is in them with
 * the plain driver, into tables and keys of the same form with the same syncs: the row of each record and a row that
 * says so, 500 at a time; nothing is parsed, checked, hashed or compared. The round with the median ratio counts.
 */
export const importFiles: Figure = {
  name: 'import',
  description: `${JOBS} jobs, ${PLANS} plans and ${LINES} lines from files, against a bulk load by the driver`,
  target: `at most ${LIMIT}x`,
  async run() {
    const files = makeFiles()
    const rows: Row[] = []
    for (const backend of ['sqlite', 'postgres', 'redis'] as const) {
      const rounds: Awaited<ReturnType<typeof measure>>[] = []
      for (let round = 0; round < ROUNDS; round++) rounds.push(await measure(backend, files))
      rounds.sort((a, b) => a.ours / a.yardstick - b.ours / b.yardstick)
      const { ours, yardstick } = rounds[Math.floor(ROUNDS / 2)] ?? { ours: Number.NaN, yardstick: Number.NaN }
      const note = rounds.map((one) => `${(one.ours / one.yardstick).toFixed(2)}x`).join(' ')
      rows.push(ratioRow({ what: 'import of everything', backend, ours, yardstick, note }, LIMIT))
    }
    return rows
  },
}

/** One round, in ms. The files stand where they stood before when it is over. */
async function measure(backend: 'sqlite' | 'postgres' | 'redis', files: Files) {
  await using place = await makePlace(backend)
  await place.open()
  const yardstick = await timed(() => LOADS[backend](place.options as never, files))
  await using fresh = await makePlace(backend)
  const target = await fresh.open()
  const sources = [
    { kind: 'schedule', path: files.schedules },
    { kind: 'plan', path: files.plans },
    { kind: 'history', path: files.history },
  ] as const
  const storage = { ...fresh.options, warn: () => {} } as never
  const began = performance.now()
  const report = await migrateLegacyArtifacts({ places: { sources }, storage }, target)
  const ours = performance.now() - began
  const count = (await target.scheduledJobs.list()).jobs.length + (await target.plans.list()).plans.length
  if (count !== JOBS + PLANS || (await target.shellHistory.load(0)).length !== LINES) throw new Error('not all came in')
  for (const { from, to } of report.renamed) renameSync(to, from)
  return { ours, yardstick }
}

interface Files {
  schedules: string
  plans: string
  history: string
}

function makeFiles(): Files {
  const root = makeDirectory()
  const files = { schedules: join(root, 'schedules'), plans: join(root, 'plans'), history: join(root, 'history') }
  mkdirSync(files.schedules)
  mkdirSync(files.plans)
  for (let n = 0; n < JOBS; n++) {
    const text = `id: job-${n}\nname: Report ${n}\ncron_expression: 0 8 * * 1-5\nprompt: Summarise what changed since yesterday\nchannel: telegram\ncreated_at: 2026-03-01T08:00:00.123Z\nupdated_at: 2026-03-01T08:00:00.123Z\n`
    writeFileSync(join(files.schedules, `job-${n}.yaml`), text)
  }
  const body = Array.from({ length: 20 }, (_, step) => `## Step ${step}\n\nRead, change, and test it.\n`).join('\n')
  for (let n = 0; n < PLANS; n++) {
    writeFileSync(join(files.plans, `2026-03-01-080000-plan-${n}.md`), `# Plan ${n}\n\n${body}`)
  }
  writeFileSync(files.history, Array.from({ length: LINES }, (_, n) => `git log --oneline -n ${n}\n`).join(''))
  return files
}

/** Names and contents of the files, and the lines. */
function* read({
  schedules,
  plans,
  history,
}: Files): Generator<{ kind: 'job' | 'plan' | 'line'; id: string; text: string }> {
  for (const name of readdirSync(schedules)) {
    yield { kind: 'job', id: name.slice(0, -5), text: readFileSync(join(schedules, name), 'utf8') }
  }
  for (const name of readdirSync(plans)) {
    yield { kind: 'plan', id: name.slice(0, -3), text: readFileSync(join(plans, name), 'utf8') }
  }
  let number = 0
  for (const line of readFileSync(history, 'utf8').split('\n').slice(0, -1)) {
    number += 1
    yield { kind: 'line', id: String(number), text: line }
  }
}

function* batches(files: Files) {
  let batch: { kind: 'job' | 'plan' | 'line'; id: string; text: string }[] = []
  for (const one of read(files)) {
    if (batch.length === BATCH || (batch[0] && batch[0].kind !== one.kind)) {
      yield batch
      batch = []
    }
    batch.push(one)
  }
  yield batch
}

const AT = '2026-03-01T08:00:00.123Z'
const HASH = '0123456789abcdef0123456789abcdef'

const LOADS = {
  async sqlite({ path }: PlaceOptions['sqlite'], files: Files) {
    const db = new Sqlite(path)
    db.pragma('synchronous = full')
    const noted = db.prepare(`insert into infer_imports (source, key, outcome) values ('bulk', ?, 'import')`)
    const state = db.prepare(
      'insert into infer_job_states (job_id, version, schedule_hash, cursor_at, unsettled, document) values (?, ?, ?, ?, 0, ?)',
    )
    const job = db.prepare(
      'insert into infer_scheduled_jobs (id, cron_expression, prompt, created_at, updated_at) values (?, ?, ?, ?, ?)',
    )
    const plan = db.prepare('insert into infer_plans (id, title, slug, created_at, body) values (?, ?, ?, ?, ?)')
    const line = db.prepare('insert into infer_shell_history (command) values (?)')
    const load = db.transaction((batch: Iterable<{ kind: string; id: string; text: string }>) => {
      for (const { kind, id, text } of batch) {
        noted.run(`${kind}:${id}`)
        if (kind === 'job') {
          state.run(id, HASH, HASH, AT, '{"runs":[],"failures":0}')
          job.run(id, '0 8 * * 1-5', text, AT, AT)
        } else if (kind === 'plan') plan.run(id, id, id, AT, text)
        else line.run(text)
      }
    })
    for (const batch of batches(files)) load.immediate(batch)
    db.close()
  },
  async postgres({ url }: PlaceOptions['postgres'], files: Files) {
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    for (const batch of batches(files)) {
      const ids = batch.map(({ id }) => id)
      const texts = batch.map(({ text }) => text)
      const kind = batch[0]?.kind
      await client.query('begin')
      await client.query(`insert into infer.imports select 'bulk', k, 'import' from unnest($1::text[]) k`, [
        ids.map((id) => `${kind}:${id}`),
      ])
      if (kind === 'line') {
        await client.query('insert into infer.shell_history (command) select c from unnest($1::text[]) c', [texts])
      } else if (kind === 'plan') {
        await client.query(
          'insert into infer.plans select id, id, id, $3::timestamptz, body from unnest($1::text[], $2::text[]) t (id, body)',
          [ids, texts, AT],
        )
      } else {
        await client.query(
          `insert into infer.job_states (job_id, version, schedule_hash, cursor_at, unsettled, document)
            select id, $2, $2, $3::timestamptz, false, '{"runs":[],"failures":0}' from unnest($1::text[]) id`,
          [ids, HASH, AT],
        )
        await client.query(
          `insert into infer.scheduled_jobs (id, cron_expression, prompt)
            select id, '0 8 * * 1-5', prompt from unnest($1::text[], $2::text[]) t (id, prompt)`,
          [ids, texts],
        )
      }
      await client.query('commit')
    }
    await client.end()
  },
  async redis({ url }: PlaceOptions['redis'], files: Files) {
    const redis = new Redis(url)
    for (const batch of batches(files)) {
      const all = redis.multi()
      all.hset(`${keys.imports}bulk`, ...batch.flatMap(({ kind, id }) => [`${kind}:${id}`, 'import']))
      const fields = batch.flatMap(({ id, text }) => [id, text])
      if (batch[0]?.kind === 'line') all.rpush(keys.history, ...batch.map(({ text }) => text))
      else if (batch[0]?.kind === 'plan') all.hset(keys.plans, ...fields)
      else {
        all.hset(keys.states, ...batch.flatMap(({ id }) => [id, `${HASH} ${HASH} 0 {"runs":[],"failures":0}`]))
        all.hset(keys.jobIndex, ...batch.flatMap(({ id }) => [id, HASH]))
        all.mset(...batch.flatMap(({ id, text }) => [keys.jobs + id, text]))
      }
      await all.exec()
    }
    redis.disconnect()
  },
}
