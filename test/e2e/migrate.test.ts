import { cpSync, existsSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type CliPlace, cliPlace } from '../support/cli.ts'

const FIXTURES = join(import.meta.dirname, '../fixtures/go-cli')
const SQLITE = { INFER_STORAGE_TYPE: 'sqlite', INFER_GATEWAY_MOCK: 'true' }

interface Migrated {
  backend: string
  dry_run: boolean
  schema: { from: number; to: number }
  ledger?: { source: string; records: number }[]
  artifacts: { kind: string; source: string; id: string; action: string; reason: string | null }[]
  renamed: { from: string; to: string }[]
}

function goPlace(release: 'seed' | 'later', settings: NodeJS.ProcessEnv): CliPlace {
  const place = cliPlace(settings)
  for (const [part, to] of [
    ['work', place.cwd],
    ['home', place.home],
  ] as const) {
    cpSync(join(FIXTURES, release, part), to, { recursive: true })
  }
  return place
}

const migrate = async (place: CliPlace, ...flags: string[]) => (await place.json(['migrate', ...flags])) as Migrated

function actions({ artifacts }: Migrated): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { kind, action } of artifacts) counts[`${kind} ${action}`] = (counts[`${kind} ${action}`] ?? 0) + 1
  return counts
}

test('a dry run says what comes in and leaves everything, a run takes it in, status knows it', async () => {
  using place = goPlace('seed', { ...SQLITE, TZ: 'America/St_Johns' })
  const before = readdirSync(place.cwd, { recursive: true }).sort()
  const found = await migrate(place, '--dry-run')
  expect(readdirSync(place.cwd, { recursive: true }).sort()).toEqual(before)
  expect(Object.keys(found)).toEqual(['backend', 'dry_run', 'schema', 'artifacts', 'renamed'])
  expect(found).toMatchObject({ backend: 'sqlite', dry_run: true, schema: { from: 0, to: 1 }, renamed: [] })
  expect(actions(found)).toEqual({ 'schedule import': 8, 'plan import': 6, 'history import': 1 })
  const done = await migrate(place)
  expect(done).toMatchObject({ dry_run: false, schema: { from: 0, to: 1 } })
  expect(done.artifacts).toEqual(found.artifacts)
  expect(done.artifacts.at(-1)).toEqual({
    kind: 'history',
    source: join(place.cwd, '.infer/history'),
    id: '1-40',
    action: 'import',
    reason: null,
  })
  for (const { from, to } of done.renamed) expect([existsSync(from), existsSync(to)]).toEqual([false, true])
  const status = await migrate(place, '--status')
  expect(status).toMatchObject({ dry_run: true, schema: { from: 1, to: 1 }, artifacts: [] })
  expect(status.ledger?.map(({ records }) => records).sort()).toEqual([40, 6, 8])
  const jobs = (await place.json(['schedules', 'list'])) as { timezone: string }[]
  expect(new Set(jobs.map(({ timezone }) => timezone))).toEqual(new Set(['America/St_Johns', 'UTC']))
})

test('the agent takes in what is there at its start, says so on stderr, and goes on', async () => {
  using place = goPlace('seed', SQLITE)
  writeFileSync(join(place.home, '.infer/schedules/broken.yaml'), 'a: [1\n')
  const { code, stdout, stderr } = await place.run(['agent', 'say hello'])
  expect(code).toBe(0)
  expect(stdout).not.toContain('Imported')
  expect(stderr).toContain('Imported into sqlite: 8 jobs, 6 plans, 40 lines of history.')
  expect(stderr).toContain('job broken of')
  const again = await place.run(['agent', 'say hello'])
  expect(again.stderr).not.toContain('mported')
  expect(await place.json(['plans', 'list'])).toHaveLength(6)
})

test('what cannot be taken in is exit 1, with the reason', async () => {
  using place = goPlace('seed', SQLITE)
  writeFileSync(join(place.home, '.infer/schedules/broken.yaml'), 'a: [1\n')
  const { code, stdout, stderr } = await place.run(['migrate'])
  expect(code).toBe(1)
  expect(stdout).toMatch(/schedule +broken .*line 2/)
  expect(stderr).toContain('infer storage copy --from jsonl --to sqlite')
  expect((await place.run(['migrate'])).code).toBe(0)
})

test('the database of the Go CLI is adopted where it stands', async () => {
  using place = cliPlace(SQLITE)
  await place.run(['init'])
  cpSync(join(FIXTURES, 'later/conversations.db'), join(place.cwd, '.infer/conversations.db'))
  const { code, stdout, stderr } = await place.run(['migrate'])
  expect(code).toBe(0)
  expect(stdout).toContain(
    'Imported into sqlite: 5 conversations, 5 session groups, 3 plans, 20 lines of history, 4 jobs.',
  )
  expect(stderr).toContain('stop its daemon')
  expect(await place.json(['conversations', 'list'])).toHaveLength(5)
  expect(await place.json(['history', 'list'])).toHaveLength(20)
})

test('with files as the storage, what newer Go releases put elsewhere moves here, and the line undoes it', async () => {
  using place = goPlace('later', { INFER_GATEWAY_MOCK: 'true' })
  const { code, stderr } = await place.run(['agent', 'say hello'])
  expect(code).toBe(0)
  expect(await place.json(['schedules', 'list'])).toHaveLength(4)
  expect(await place.json(['plans', 'list'])).toHaveLength(3)
  expect(await place.json(['history', 'list'])).toHaveLength(20)
  const undo = [...stderr.matchAll(/mv (\S+) (\S+)/g)]
  expect(undo.map(([, , to]) => to)).toEqual([join(place.cwd, '.infer/schedules'), join(place.home, '.infer/plans')])
  for (const [, from = '', to = ''] of undo) renameSync(from, to)
  expect(readdirSync(join(place.cwd, '.infer/schedules'))).toHaveLength(4)
})

test('memory has nothing to import into', async () => {
  using place = goPlace('seed', { INFER_STORAGE_TYPE: 'memory' })
  expect(await migrate(place)).toMatchObject({ backend: 'memory', artifacts: [], renamed: [] })
  expect(readdirSync(join(place.home, '.infer/schedules'))).toHaveLength(8)
})

test('a schema of a newer release is refused before anything is looked at', async () => {
  using place = goPlace('seed', SQLITE)
  await place.run(['plans', 'list'])
  const { default: Sqlite } = await import('better-sqlite3')
  const db = new Sqlite(join(place.cwd, '.infer/conversations.db'))
  db.exec(`insert into infer_migrations values (99, 'later')`)
  db.close()
  const { code, stderr } = await place.run(['migrate', '--dry-run'])
  expect(code).toBe(1)
  expect(stderr).toContain('99')
})
