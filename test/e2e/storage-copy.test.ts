import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { details, entries, entry, job } from '../storage/conformance/samples.ts'
import { everythingOf, fillEveryDomain } from '../storage/transfer/sample-data.ts'
import { lookUpBinary } from '../support/binaries.ts'
import { cliPlace, ensureBundle, INFER } from '../support/cli.ts'
import { makeCopySite } from '../support/copy-site.ts'
import { resizeDisk, smallDisk } from '../support/tmpfs.ts'
import { waitFor } from '../support/wait-for.ts'
import { InferProcess } from './infer-process.ts'

const many = (count: number, size = 4) =>
  Array.from({ length: count }, (_, n) => ({
    metadata: { ...details(), id: `many-${n}`, messageCount: size },
    entries: entries(size),
  }))

test('copies everything, says so, and verify agrees', async () => {
  await using site = await makeCopySite()
  const source = await site.open('jsonl')
  await fillEveryDomain(source)
  const dry = await site.place.run(['storage', 'copy', '--from', 'jsonl', '--to', 'sqlite', '--dry-run'])
  expect(dry).toMatchObject({ code: 0, stdout: expect.stringContaining('WOULD BE WRITTEN') })
  expect(readdirSync(join(site.place.cwd, '.infer'))).not.toContain('conversations.db')
  for (const to of ['postgres', 'redis'] as const) {
    const looked = await site.place.run(['storage', 'copy', '--from', 'jsonl', '--to', to, '--dry-run', '--json'])
    expect([looked.code, JSON.parse(looked.stdout)]).toMatchObject([0, { dry_run: true, equal: null, problems: [] }])
    const untouched = await site.place.run(['storage', 'verify', '--from', to, '--json'])
    // No schema was made in PostgreSQL, no key in Redis.
    if (to === 'postgres') expect([untouched.code, untouched.stdout]).toEqual([4, expect.stringContaining('version 0')])
    else
      expect(
        JSON.parse(untouched.stdout).domains.every((one: { from: { count: number } }) => one.from.count === 0),
      ).toBe(true)
  }
  const copied = await site.place.run(['storage', 'copy', '--from', 'jsonl', '--to', 'sqlite'])
  expect(copied.stderr).toBe('')
  expect(copied).toMatchObject({ code: 0, stdout: expect.stringContaining('are equal') })
  expect(await everythingOf(await site.open('sqlite'))).toEqual(await everythingOf(source))
  const said = (await site.place.json(['storage', 'verify', '--from', 'jsonl', '--to', 'sqlite'])) as {
    equal: boolean
    domains: { domain: string; from: object; to: object }[]
    damage: unknown[]
  }
  expect([said.equal, said.damage]).toEqual([true, []])
  expect(said.domains.map(({ domain }) => domain)).toHaveLength(9)
  for (const { from, to } of said.domains) expect(from).toEqual(to)
})

test('what it says to do next leads to what was copied, also where nothing was configured', async () => {
  using place = cliPlace({ INFER_GATEWAY_MOCK: 'true' })
  await place.run(['agent', 'hello'])
  mkdirSync(join(place.cwd, '.infer'), { recursive: true })
  writeFileSync(join(place.cwd, '.infer/history'), 'ls\nls\nmake\n')
  const before = await place.json(['conversations', 'list'])
  const { stdout } = await place.run(['storage', 'copy', '--from', 'jsonl', '--to', 'sqlite'])
  const [, advice = ''] = /To use it: (.+)$/m.exec(stdout) ?? []
  for (const command of advice.split(' && ')) {
    expect((await place.run(command.split(' ').slice(1))).code).toBe(0)
  }
  expect(await place.json(['config', 'get', 'storage.type'])).toBe('sqlite')
  expect(await place.json(['conversations', 'list'])).toEqual(before)
  await place.run(['migrate'])
  expect(await place.json(['history', 'list'])).toEqual(['ls', 'ls', 'make'])
})

test('a conflict is exit 1, names the record, and changes nothing', async () => {
  await using site = await makeCopySite()
  const [from, to] = [await site.open('jsonl'), await site.open('sqlite')]
  await from.conversations.append('c', { expectedLength: 0, entries: entries(1), metadata: details() })
  await to.conversations.append('c', { expectedLength: 0, entries: [entry('another')], metadata: details() })
  const { code, stdout } = await site.place.run(['storage', 'copy', '--from', 'jsonl', '--to', 'sqlite', '--json'])
  expect([code, JSON.parse(stdout)]).toMatchObject([
    1,
    { equal: false, problems: [{ domain: 'conversations', id: 'c' }] },
  ])
  expect((await to.conversations.load('c')).entries).toEqual([entry('another')])
  const compared = await site.place.run(['storage', 'verify', '--from', 'jsonl', '--to', 'sqlite'])
  expect(compared).toMatchObject({ code: 1, stdout: expect.stringContaining('conversations c differs') })
})

test('a target that holds more than the source is exit 0, and says where it has more', async () => {
  await using site = await makeCopySite()
  const [from, to] = [await site.open('jsonl'), await site.open('sqlite')]
  await from.conversations.append('c', { expectedLength: 0, entries: entries(1), metadata: details() })
  await to.shellHistory.append('typed there')
  const copied = await site.place.run(['storage', 'copy', '--from', 'jsonl', '--to', 'sqlite'])
  expect(copied).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('sqlite has all of jsonl, and more in shell_history.'),
  })
})

test('an unreadable job is exit 1 with line and column, the rest is copied', async () => {
  await using site = await makeCopySite()
  const from = await site.open('jsonl')
  await from.scheduledJobs.save(job('good', { timezone: 'UTC' }))
  writeFileSync(join(site.place.home, '.infer/schedules/bad.yaml'), 'prompt: [\n', { mode: 0o600 })
  const copied = await site.place.run(['storage', 'copy', '--from', 'jsonl', '--to', 'sqlite'])
  expect(copied).toMatchObject({ code: 1, stdout: expect.stringMatching(/bad: .*line \d+, column \d+/) })
  expect((await (await site.open('sqlite')).scheduledJobs.list()).jobs.map(({ id }) => id)).toEqual(['good'])
  const damaged = await site.place.run(['storage', 'verify', '--from', 'jsonl', '--json'])
  expect([damaged.code, JSON.parse(damaged.stdout)]).toMatchObject([
    1,
    { equal: null, damage: [{ domain: 'scheduled_jobs', id: 'bad' }] },
  ])
})

test('memory and the same backend twice are wrong usage, a backend that was never made is not equal to nothing', async () => {
  await using site = await makeCopySite()
  const run = (...args: string[]) => site.place.run(['storage', ...args])
  expect(await run('copy', '--from', 'jsonl', '--to', 'jsonl')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('both jsonl'),
  })
  expect(await run('copy', '--from', 'memory', '--to', 'jsonl')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('emory holds nothing'),
  })
  expect(await run('verify', '--from', 'sqlite', '--to', 'memory')).toMatchObject({ code: 2 })
  expect(await run('copy', '--from', 'jsonl')).toMatchObject({ code: 2 })
  expect(await run('verify', '--from', 'sqlite')).toMatchObject({
    code: 4,
    stderr: expect.stringContaining('here is no database'),
  })
})

test('while a daemon is alive on either side nothing is copied, and it is named', async () => {
  await using site = await makeCopySite()
  for (const type of ['jsonl', 'sqlite'] as const) {
    const stores = await site.open(type)
    const now = new Date()
    await stores.coordination.beat({
      id: 'd',
      host: 'some-host',
      pid: 4_711,
      version: '1',
      tzdata: '2026a',
      timezone: 'UTC',
      since: now,
      scheduler: true,
      behind: false,
      clock: now,
    })
    const { code, stderr } = await site.place.run(['storage', 'copy', '--from', 'jsonl', '--to', 'sqlite'])
    expect([code, stderr]).toEqual([1, expect.stringContaining(`works on ${type}: on some-host (pid 4711)`)])
    await stores.coordination.leave('d')
  }
})

test('Ctrl-C ends it with 130 and says how to go on; the same command completes it', { timeout: 120_000 }, async () => {
  await ensureBundle()
  await using site = await makeCopySite()
  const source = await site.open('sqlite')
  for (let n = 0; n < 4_000; n += 500) await source.conversations.createAll(many(4_000).slice(n, n + 500))
  const args = ['storage', 'copy', '--from', 'sqlite', '--to', 'jsonl']
  const copy = new InferProcess(args, { cwd: site.place.cwd, env: site.env })
  copy.endInput()
  const directory = join(site.place.cwd, '.infer/conversations')
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  await waitFor(
    'some conversations are there',
    () => readdirSync(directory).filter((name) => name.endsWith('.jsonl')).length > 100,
  )
  copy.signal('SIGINT')
  const { code, stderr, stdout } = await copy.end()
  expect([code, stdout]).toEqual([130, ''])
  expect(stderr).toContain('goes on where it stopped')
  const again = await site.place.run([...args, '--json'])
  expect([again.code, JSON.parse(again.stdout)]).toMatchObject([0, { equal: true }])
})

test('a full disk at the target is said, leaves nothing half written, and the copy goes on once there is room', {
  timeout: 120_000,
}, async ({ skip }) => {
  const disk = smallDisk('2m')
  if (disk === undefined) return skip('a tmpfs may only be mounted by root')
  await using site = await makeCopySite({ INFER_STORAGE_JSONL_PATH: join(disk, 'conversations') })
  const source = await site.open('sqlite')
  await source.conversations.createAll(many(1_500))
  const args = ['storage', 'copy', '--from', 'sqlite', '--to', 'jsonl', '--json']
  const full = await site.place.run(args)
  expect([full.code, JSON.parse(full.stdout)]).toMatchObject([1, { error: { code: 'E_FULL' } }])
  const files = readdirSync(join(disk, 'conversations'))
  expect(files.filter((name) => name.endsWith('.tmp'))).toEqual([])
  const target = await site.open('jsonl')
  for (const name of files.filter((one) => one.endsWith('.jsonl')).slice(0, 50)) {
    expect((await target.conversations.load(name.slice(0, -'.jsonl'.length))).entries).toEqual(entries(4))
  }
  resizeDisk(disk, '64m')
  const again = await site.place.run(args)
  expect([again.code, JSON.parse(again.stdout)]).toMatchObject([0, { equal: true }])
})

test('on a terminal it shows how far it is, in a pipe nothing', { timeout: 120_000 }, async ({ skip }) => {
  const script = lookUpBinary('script')
  if (script === undefined) return skip('script(1) is not there to give it a terminal')
  await ensureBundle()
  await using site = await makeCopySite()
  const source = await site.open('sqlite')
  for (let n = 0; n < 2_000; n += 500) await source.conversations.createAll(many(2_000).slice(n, n + 500))
  const command = [process.execPath, INFER, 'storage', 'copy', '--from', 'sqlite', '--to'].join(' ')
  const shown = execFileSync(script, ['-qec', `${command} jsonl`, '/dev/null'], {
    cwd: site.place.cwd,
    env: site.env,
    stdio: ['ignore', 'pipe', 'ignore'],
    encoding: 'utf8',
  })
  expect(shown).toMatch(/\r\u001b\[Kconversations: [\d,]+ of 2,000/)
  const piped = await site.place.run(['storage', 'copy', '--from', 'sqlite', '--to', 'redis'])
  expect([piped.code, piped.stderr.replaceAll(/^infer: warning: .*\n/gm, '')]).toEqual([0, ''])
})
