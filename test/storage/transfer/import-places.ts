import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { JsonObject } from '#storage/contract/json.ts'
import type { Stores } from '#storage/contract/stores.ts'
import type { StorageOptions } from '#storage/options.ts'
import { metadataToDocument } from '#storage/rules/conversation-document.ts'
import { groupToDocument } from '#storage/rules/group-document.ts'
import { jobToDocument } from '#storage/rules/job-document.ts'
import type { ImportOptions } from '#storage/transfer/import-artifacts.ts'
import { rawPostgres, rawRedis, testDirectory } from '../../support/backends.ts'

export const RELEASES = ['seed', 'later'] as const
export type Release = (typeof RELEASES)[number]
/** The backends that files are imported into. */
export const DATABASES = ['sqlite', 'postgres', 'redis'] as const

/** A home and a working directory with what an older installation left there. */
export interface OldPlace {
  readonly root: string
  readonly home: string
  readonly work: string
  readonly schedules: string
  readonly plans: string
  readonly history: string
  options(storage: StorageOptions): ImportOptions
}

const FIXTURES = fileURLToPath(new URL('../../fixtures/go-cli', import.meta.url))

/** An empty place with the names of the older release. */
export function oldPlace(root = testDirectory()): OldPlace {
  const [home, work] = [join(root, 'home'), join(root, 'work')]
  for (const directory of [home, work]) mkdirSync(join(directory, '.infer'), { recursive: true })
  const schedules = join(home, '.infer/schedules')
  const plans = join(work, '.infer/plans')
  const history = join(work, '.infer/history')
  return {
    root,
    home,
    work,
    schedules,
    plans,
    history,
    options: (storage) => {
      const own = storage.type === 'jsonl'
      return {
        storage,
        places: {
          sources: [
            { kind: 'schedule', path: schedules, own },
            { kind: 'schedule', path: join(work, '.infer/schedules') },
            { kind: 'plan', path: plans, own },
            { kind: 'plan', path: join(home, '.infer/plans') },
            { kind: 'history', path: history, own },
          ],
          ...(!own && { daemons: { schedulesDir: schedules, runsDir: join(home, '.infer/runs') } }),
        },
      }
    },
  }
}

/** The same with what the Go CLI wrote. */
export function goFiles(release: Release): OldPlace {
  const place = oldPlace()
  for (const part of ['work', 'home']) {
    cpSync(join(FIXTURES, release, part), join(place.root, part), { recursive: true })
  }
  return place
}

/** A place with some jobs, plans and lines, of which two are equal. */
export function smallPlace({ jobs = 6, plans = 5, lines = 40 } = {}, root?: string): OldPlace {
  const place = oldPlace(root)
  for (let n = 0; n < jobs; n++) write(join(place.schedules, `job-${n}.yaml`), jobFile(`job-${n}`))
  for (let n = 0; n < plans; n++) {
    write(join(place.plans, `2026-03-01-08000${n % 10}-plan-${n}.md`), `# Plan ${n}\n\nStep one of ${n}.\n`)
  }
  if (lines > 0) write(place.history, Array.from({ length: lines }, (_, n) => `echo ${Math.floor(n / 2)}\n`).join(''))
  return place
}

export function jobFile(id: string, more = ''): string {
  return `id: ${id}\ncron_expression: 0 9 * * *\nprompt: say ${id}\ncreated_at: 2026-03-01T08:00:00.123456789Z\nupdated_at: 2026-03-01T08:00:00Z\n${more}`
}

export function write(path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content)
}

/** Puts what the Go CLI has in a database of that kind beside our data, as it would stand there. */
export async function putGoData(release: Release, storage: StorageOptions): Promise<void> {
  switch (storage.type) {
    case 'sqlite':
      cpSync(join(FIXTURES, release, 'conversations.db'), storage.path)
      break
    case 'postgres': {
      const client = await rawPostgres(storage)
      for (const { statement, rows } of dumpStatements(readFileSync(join(FIXTURES, release, 'postgres.sql'), 'utf8'))) {
        if (rows === undefined) await client.query(statement)
        else for (const row of rows) await client.query(statement, row)
      }
      await client.end()
      break
    }
    case 'redis': {
      const redis = rawRedis(storage)
      const lines = readFileSync(join(FIXTURES, release, 'redis-commands.json'), 'utf8').split('\n')
      for (const line of lines.filter((one) => one !== '')) {
        const [command = '', ...args] = JSON.parse(line) as string[]
        await redis.call(command, ...args)
      }
      redis.disconnect()
      break
    }
    default:
      throw new Error(`the Go CLI keeps nothing of its own in ${storage.type}`)
  }
}

/** The statements of a dump, with its COPY blocks as inserts: the driver speaks no COPY. */
function dumpStatements(dump: string): { statement: string; rows?: (string | null)[][] }[] {
  const found: { statement: string; rows?: (string | null)[][] }[] = []
  const pattern = /^COPY (\S+) \((.*)\) FROM stdin;\n([\s\S]*?)^\\\.$/gm
  let end = 0
  for (const match of dump.matchAll(pattern)) {
    const [all, table = '', columns = '', body = ''] = match
    found.push({ statement: dump.slice(end, match.index) })
    end = match.index + all.length
    const places = columns.split(', ').map((_, index) => `$${index + 1}`)
    const rows = body
      .split('\n')
      .slice(0, -1)
      .map((line) => line.split('\t').map(copiedText))
    found.push({ statement: `insert into ${table} (${columns}) values (${places.join(', ')})`, rows })
  }
  found.push({ statement: dump.slice(end) })
  return found
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f', v: '\v' }

function copiedText(field: string): string | null {
  if (field === '\\N') return null
  return field.replaceAll(/\\(.)/g, (_, character: string) => ESCAPES[character] ?? character)
}

export interface Expected {
  [name: string]: unknown
  jobs?: (JsonObject & { id: string })[]
  plans?: { id: string; file: string }[]
  history?: string[]
}

export function expectedOf(release: Release): Expected {
  return JSON.parse(readFileSync(join(FIXTURES, release, 'expected.json'), 'utf8')) as Expected
}

/** Times cut to milliseconds, in the form of `toISOString`. */
export function toMilliseconds<T>(document: T): T {
  const text = JSON.stringify(document).replaceAll(
    /"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z"/g,
    (_, seconds: string, fraction = '') => `"${seconds}.${fraction.padEnd(3, '0').slice(0, 3)}Z"`,
  )
  return JSON.parse(text) as T
}

/** Everything in the stores as documents with the keys of the Go CLI. */
export async function documentsOf(stores: Stores) {
  const { conversations, unreadable } = await stores.conversations.list({ limit: 0, offset: 0 })
  const jobs = await stores.scheduledJobs.list()
  const plans = await stores.plans.list()
  return {
    unreadable: [...unreadable, ...jobs.unreadable, ...plans.unreadable],
    conversations: await Promise.all(
      conversations
        .map(({ id }) => id)
        .sort()
        .map(async (id) => {
          const { metadata, entries } = await stores.conversations.load(id)
          return { metadata: metadataToDocument(id, metadata, metadata.messageCount), entries }
        }),
    ),
    groups: Object.fromEntries(
      [...(await stores.sessionGroups.list())].map(([key, group]) => [key, groupToDocument(group)]),
    ),
    jobs: jobs.jobs.map((job) => ({
      ...jobToDocument(job),
      ...(job.lastRun && { last_run: job.lastRun.toISOString() }),
      ...(job.lastError !== undefined && { last_error: job.lastError }),
    })),
    plans: plans.plans.map(({ id, title, body, createdAt }) => ({
      id,
      title,
      body,
      created_at: createdAt.toISOString(),
    })),
    history: await stores.shellHistory.load(0),
  }
}

/** Every file and directory below a place with its content, to see that nothing changed. */
export function treeOf(directory: string): Record<string, string> {
  if (!existsSync(directory)) return {}
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true })
  return Object.fromEntries(
    entries
      .map((entry) => {
        const path = join(entry.parentPath, entry.name)
        return [path, entry.isFile() ? readFileSync(path).toString('base64') : 'directory'] as const
      })
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  )
}
