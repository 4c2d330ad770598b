import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openStores } from '#storage/index.ts'
import { migrateLegacyArtifacts } from '#storage/transfer/import-artifacts.ts'
import { makeBackend, testDirectory } from '../../support/backends.ts'
import { jsonlPlace } from '../jsonl-place.ts'
import { DATABASES, goFiles, jobFile, type OldPlace, oldPlace, smallPlace, write } from './import-places.ts'

const isRoot = process.getuid?.() === 0

async function ids(stores: Awaited<ReturnType<typeof openStores>>) {
  return {
    jobs: (await stores.scheduledJobs.list()).jobs.map(({ id }) => id).sort(),
    plans: (await stores.plans.list()).plans.map(({ id }) => id).sort(),
    history: await stores.shellHistory.load(0),
  }
}

describe.each(DATABASES)('into %s', (type) => {
  test('a history that a copy has brought does not come twice, and what was typed since then is added', async () => {
    await using backend = await makeBackend(type)
    const place = smallPlace({ jobs: 0, plans: 0, lines: 0 })
    write(place.history, 'ls\nls\ngit log\n')
    const stores = await backend.open()
    await stores.shellHistory.appendAll(['ls', 'ls'])
    const options = place.options(backend.options())
    const said = async (dryRun: boolean) =>
      (await migrateLegacyArtifacts(options, stores, { dryRun })).artifacts.map(({ id, action }) => `${id} ${action}`)
    expect(await said(true)).toEqual(['1-2 already', '3 import'])
    expect(await said(false)).toEqual(['1-2 already', '3 import'])
    expect(await stores.shellHistory.load(0)).toEqual(['ls', 'ls', 'git log'])

    await stores.shellHistory.append('make')
    write(place.history, 'ls\nls\ngit log\n')
    expect(await said(false)).toEqual(['1-3 already'])
    write(place.history, 'other\n')
    expect(await said(false)).toEqual(['1 import'])
    expect(await stores.shellHistory.load(0)).toEqual(['ls', 'ls', 'git log', 'make', 'other'])
  })

  test('what cannot be read is reported with its reason, stays in the backup, and does not stop the rest', async () => {
    await using backend = await makeBackend(type)
    const place = smallPlace({ jobs: 2, plans: 1, lines: 2 })
    write(join(place.schedules, 'torn.yaml'), 'id: torn\nprompt: "no end\n')
    write(join(place.schedules, 'list.yaml'), '- a\n- b\n')
    write(join(place.schedules, 'empty.yaml'), '')
    write(join(place.schedules, 'bad-cron.yaml'), jobFile('bad-cron').replace('0 9 * * *', '61 9 * * *'))
    write(join(place.schedules, 'bad-zone.yaml'), jobFile('bad-zone', 'timezone: Mars/Base\n'))
    write(join(place.schedules, 'a..b.yaml'), jobFile('a..b'))
    write(join(place.schedules, 'other.yaml'), jobFile('inside'))
    write(join(place.schedules, 'nul.yaml'), jobFile('nul').replace('say nul', '"say \\0"'))
    write(`${place.schedules}/notes.txt`, 'not a job')
    mkdirSync(join(place.schedules, 'folder.yaml'))
    symlinkSync('/nowhere/at/all', join(place.schedules, 'dangling.yaml'))
    writeRaw(place.schedules, Buffer.from([0x66, 0xff, 0x2e, 0x79, 0x61, 0x6d, 0x6c]), jobFile('x'))
    write(join(place.schedules, 'bytes.yaml'), Buffer.from([0x69, 0x64, 0x3a, 0x20, 0xff, 0xfe]))
    write(join(place.plans, 'no-title.md'), 'only text\nof two lines\n')
    write(join(place.plans, 'bytes.md'), Buffer.from([0x23, 0x20, 0xff]))
    write(join(place.plans, 'a..b.md'), '# Title\n\nbody')
    write(
      place.history,
      Buffer.concat([Buffer.from('first\n'), Buffer.from([0xff, 10]), Buffer.from('nul \0\n\nlast')]),
    )
    const stores = await backend.open()
    const report = await migrateLegacyArtifacts(place.options(backend.options()), stores)
    const failed = report.artifacts.filter(({ action }) => action === 'failed')
    const reasons = Object.fromEntries(failed.map(({ kind, id, reason }) => [`${kind} ${id}`, reason]))
    expect(reasons).toEqual({
      'schedule a..b': expect.stringContaining('not allowed'),
      'schedule bad-cron': expect.stringContaining('61'),
      'schedule bad-zone': expect.stringContaining('Mars/Base'),
      'schedule bytes': 'it is not UTF-8 text',
      'schedule dangling': expect.stringContaining('a link'),
      'schedule empty': expect.stringContaining('the file is empty'),
      'schedule folder': expect.stringContaining('EISDIR'),
      'schedule f\ufffd': expect.stringContaining('not allowed'),
      'schedule list': expect.stringContaining('no map'),
      'schedule nul': expect.stringContaining('NUL'),
      'schedule torn': expect.stringContaining('line'),
      'plan a..b': expect.stringContaining('not allowed'),
      'plan bytes': expect.stringContaining('UTF-8'),
      'history 2': 'it is not UTF-8 text',
      'history 3': expect.stringContaining('NUL'),
    })
    expect(await ids(stores)).toEqual({
      jobs: ['job-0', 'job-1', 'other'],
      plans: ['2026-03-01-080000-plan-0', 'no-title'],
      history: ['first', '', 'last'],
    })
    expect(await stores.plans.load('no-title')).toMatchObject({ title: 'no-title', body: 'only text\nof two lines\n' })
    expect(report.artifacts.find(({ id }) => id === 'other')?.reason).toContain('"inside"')
    const backup = report.renamed.find(({ from }) => from === place.schedules)?.to ?? ''
    expect(readdirSync(backup)).toHaveLength(15)
    expect(readFileSync(join(backup, 'torn.yaml'), 'utf8')).toContain('"no end')
  })

  test('a job that is deleted does not come back, also when its import is resumed', async () => {
    await using backend = await makeBackend(type)
    const place = smallPlace()
    const options = place.options(backend.options())
    const stores = await backend.open()
    const report = await migrateLegacyArtifacts(options, stores)
    await stores.scheduledJobs.delete('job-3')
    // As if the process had been killed before it gave the directory its last name.
    const [{ from = '', to = '' } = {}] = report.renamed
    const uuid = '01234567-89ab-cdef-0123-456789abcdef'
    renameSync(to, `${from}.migrating-${uuid}`)
    await stores.coordination.import(uuid, [])
    const resumed = await migrateLegacyArtifacts(options, stores)
    expect(resumed.renamed).toHaveLength(1)
    // Another identity in the ledger: what exists is left alone.
    expect(resumed.artifacts.filter(({ action }) => action === 'import').map(({ id }) => id)).toEqual(['job-3'])
    await stores.scheduledJobs.delete('job-3')
    renameSync(resumed.renamed[0]?.to ?? '', `${from}.migrating-${uuid}`)
    await migrateLegacyArtifacts(options, stores)
    expect((await ids(stores)).jobs).toEqual(['job-0', 'job-1', 'job-2', 'job-4', 'job-5'])
    expect((await ids(stores)).history).toEqual(Array.from({ length: 40 }, (_, n) => `echo ${Math.floor(n / 2)}`))
  })

  test('a directory that cannot be renamed is imported once, with one warning, and again when it changes', async ({
    skip,
  }) => {
    if (!isRoot) skip('a mount point needs root')
    await using backend = await makeBackend(type)
    const place = smallPlace({ jobs: 3, plans: 0, lines: 4 })
    using _mounts = mountedOver([place.schedules])
    const options = place.options(backend.options())
    const stores = await backend.open()
    const first = await migrateLegacyArtifacts(options, stores)
    expect(first.warnings).toEqual([expect.stringContaining('cannot be renamed')])
    expect((await ids(stores)).jobs).toEqual(['job-0', 'job-1', 'job-2'])
    await stores.scheduledJobs.delete('job-1')
    expect(await migrateLegacyArtifacts(options, stores)).toMatchObject({ artifacts: [], warnings: [] })
    write(join(place.schedules, 'job-9.yaml'), jobFile('job-9'))
    expect((await migrateLegacyArtifacts(options, stores)).warnings).toHaveLength(1)
    expect((await ids(stores)).jobs).toEqual(['job-0', 'job-2', 'job-9'])
    execFileSync('umount', [place.schedules])
    write(join(place.schedules, 'job-1.yaml'), jobFile('job-1'))
    await migrateLegacyArtifacts(options, stores)
    expect((await ids(stores)).jobs).toEqual(['job-0', 'job-2', 'job-9'])
  })

  test('while a daemon on the files backend is alive, its jobs are not taken', async () => {
    await using backend = await makeBackend(type)
    const place = smallPlace({ jobs: 2, plans: 1, lines: 0 })
    const options = place.options(backend.options())
    const runsDir = join(place.home, '.infer/runs')
    await using files = await openStores({ ...jsonlPlace(), runsDir })
    const daemon = {
      ...{ id: 'd1', host: hostname(), pid: process.pid, version: '1', tzdata: '', timezone: 'UTC' },
      ...{ since: new Date(), scheduler: true, behind: false, clock: new Date() },
    }
    await files.coordination.beat(daemon)
    const stores = await backend.open()
    const report = await migrateLegacyArtifacts(options, stores)
    expect(report.warnings).toEqual([expect.stringContaining(`${hostname()} (pid ${process.pid})`)])
    expect(await ids(stores)).toMatchObject({ jobs: [], plans: ['2026-03-01-080000-plan-0'] })
    expect(readdirSync(place.schedules)).toHaveLength(2)
    await files.coordination.leave('d1')
    await migrateLegacyArtifacts(options, stores)
    expect((await ids(stores)).jobs).toEqual(['job-0', 'job-1'])
  })
})

describe('into files', () => {
  test('what newer Go releases put elsewhere is taken in; what is ours stays', async () => {
    const place = goFiles('later')
    const storage = filesOf(place)
    write(join(place.schedules, 'ours.yaml'), jobFile('ours'))
    const options = place.options(storage)
    await using stores = await openStores(storage)
    const report = await migrateLegacyArtifacts(options, stores)
    expect(report.renamed.map(({ from }) => from)).toEqual([
      join(place.work, '.infer/schedules'),
      join(place.home, '.infer/plans'),
    ])
    const stored = await ids(stores)
    expect(stored.jobs).toHaveLength(5)
    expect(stored.jobs).toContain('ours')
    expect(stored.plans).toHaveLength(3)
    expect(stored.history).toHaveLength(20)
    expect(await migrateLegacyArtifacts(options, stores)).toMatchObject({ artifacts: [], renamed: [] })
  })

  test('what an import into another backend had begun comes back', async () => {
    const place = smallPlace({ jobs: 3, plans: 2, lines: 4 })
    const storage = filesOf(place)
    const uuid = '01234567-89ab-cdef-0123-456789abcdef'
    for (const path of [place.schedules, place.plans, place.history]) renameSync(path, `${path}.migrating-${uuid}`)
    await using stores = await openStores(storage)
    await migrateLegacyArtifacts(place.options(storage), stores)
    expect(await ids(stores)).toMatchObject({
      jobs: ['job-0', 'job-1', 'job-2'],
      history: ['echo 0', 'echo 0', 'echo 1', 'echo 1'],
    })
  })

  test('memory takes nothing', async () => {
    await using backend = await makeBackend('memory')
    const place = smallPlace()
    const report = await migrateLegacyArtifacts(place.options(backend.options()), await backend.open())
    expect(report).toMatchObject({ artifacts: [], renamed: [] })
    expect(readdirSync(place.schedules)).toHaveLength(6)
  })
})

test('on a full disk nothing is lost, and the next call completes the import', async ({ skip }) => {
  if (!isRoot) skip('a small file system needs root')
  const disk = testDirectory()
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', disk])
  try {
    const place = smallPlace({ jobs: 0, plans: 0, lines: 0 })
    write(place.history, Array.from({ length: 40_000 }, (_, n) => `a line of the history that is long ${n}\n`).join(''))
    const storage = { type: 'sqlite' as const, path: join(disk, 'infer.db'), warn: () => {} }
    const options = place.options(storage)
    {
      await using stores = await openStores(storage)
      await expect(migrateLegacyArtifacts(options, stores)).rejects.toMatchObject({ code: 'E_FULL' })
    }
    execFileSync('mount', ['-o', 'remount,size=64m', disk])
    await using stores = await openStores(storage)
    await migrateLegacyArtifacts(options, stores)
    expect(await stores.shellHistory.load(0)).toEqual(
      Array.from({ length: 40_000 }, (_, n) => `a line of the history that is long ${n}`),
    )
    expect(readdirSync(join(place.work, '.infer'))).toEqual([expect.stringMatching(/^history\.migrated-/)])
  } finally {
    execFileSync('umount', [disk])
  }
})

test('a history of 5 MB comes in line by line', async () => {
  await using backend = await makeBackend('sqlite')
  const place = oldPlace()
  const lines = Array.from({ length: 50_000 }, (_, n) => `${n} ${'x'.repeat(90)}`)
  lines[7] = 'y'.repeat(3_000_000)
  write(place.history, `${lines.join('\n')}\n`)
  const stores = await backend.open()
  const report = await migrateLegacyArtifacts(place.options(backend.options()), stores)
  expect(report.artifacts).toEqual([{ kind: 'history', source: place.history, id: '1-50000', action: 'import' }])
  expect(await stores.shellHistory.load(0)).toEqual(lines)
})

test('a directory that may not be listed is said, and the others come in', async ({ skip }) => {
  if (isRoot) skip('root may list everything')
  await using backend = await makeBackend('sqlite')
  const place = smallPlace()
  chmodSync(place.plans, 0o000)
  const stores = await backend.open()
  const report = await migrateLegacyArtifacts(place.options(backend.options()), stores)
  chmodSync(place.plans, 0o700)
  expect(report.artifacts.length).toBeGreaterThan(0)
  expect((await ids(stores)).jobs).toHaveLength(6)
})

function filesOf(place: OldPlace) {
  return {
    ...jsonlPlace(),
    conversationsDir: join(place.work, '.infer/conversations'),
    sessionGroupsFile: join(place.work, '.infer/session_groups.json'),
    plansDir: place.plans,
    historyFile: place.history,
    schedulesDir: place.schedules,
    runsDir: join(place.home, '.infer/runs'),
  }
}

function writeRaw(directory: string, name: Buffer, content: string): void {
  writeFileSync(Buffer.concat([Buffer.from(`${directory}/`), name]), content)
}

/** Directories as mount points with the same content: nobody can rename those. */
function mountedOver(directories: readonly string[]): Disposable {
  for (const directory of directories) execFileSync('mount', ['--bind', directory, directory])
  return {
    [Symbol.dispose]() {
      for (const directory of directories) {
        try {
          execFileSync('umount', [directory], { stdio: 'ignore' })
        } catch {
          // The test has done it.
        }
        rmSync(directory, { recursive: true, force: true })
      }
    },
  }
}
