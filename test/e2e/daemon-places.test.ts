import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { SqliteOptions } from '#storage/options.ts'
import { expectEachSecondOnce } from '../faults/every-second.ts'
import { rawSqlite } from '../support/backends.ts'
import { findBinary } from '../support/binaries.ts'
import { cliEnvironment, INFER } from '../support/cli.ts'
import { type DaemonProcess, makeSite, type Site, saveJob } from '../support/daemon.ts'
import { waitFor } from '../support/wait-for.ts'

const TEST_MS = 300_000
const PATIENCE_MS = 90_000

async function runs(site: Site, jobId: string, state = 'succeeded'): Promise<number> {
  return (await site.runs(jobId)).filter((run) => run.state === state).length
}

async function moreRuns(site: Site, jobId: string): Promise<void> {
  const before = await runs(site, jobId)
  await waitFor(`more runs of ${jobId}`, async () => (await runs(site, jobId)) > before + 1, PATIENCE_MS)
}

/** How many lines of the log have this message. */
const said = (daemon: DaemonProcess, text: RegExp) => daemon.lines.filter(({ message }) => text.test(message)).length

describe('a daemon on SQLite', () => {
  it(
    'outlasts 10 s in which another process has the database locked, and so does an agent',
    async () => {
      await using site = await makeSite('sqlite')
      const daemon = await site.daemon()
      await saveJob(site, { id: 'often', prompt: 'say hello' }, { inSeconds: 1, everySeconds: 1 })
      await saveJob(site, { id: 'slow', prompt: 'stream slowly' }, { inSeconds: 2 })
      await waitFor(
        'both',
        async () => (await runs(site, 'often')) > 0 && (await runs(site, 'slow', 'running')) > 0,
        PATIENCE_MS,
      )
      const holder = rawSqlite(site.options as SqliteOptions)
      holder.exec('begin immediate')
      const lockedAt = Date.now()
      await waitFor('ten seconds', () => Date.now() - lockedAt > 10_000)
      holder.exec('rollback')
      holder.close()
      await moreRuns(site, 'often')
      await waitFor('the slow run', async () => (await runs(site, 'slow')) === 1, PATIENCE_MS)
      expect(await daemon.stop()).toBe(0)
      const all = await site.runs('often')
      expectEachSecondOnce(all)
      expect(all.filter(({ state }) => !['succeeded', 'missed', 'skipped'].includes(state))).toEqual([])
      expect(new Set(daemon.started).size).toBe(daemon.started.length)
      expect(said(daemon, /^the store cannot be used/)).toBeLessThanOrEqual(1)
    },
    TEST_MS,
  )
})

describe('a daemon whose schedules directory', () => {
  const directoryOf = ({ place }: Site) => join(place.home, '.infer/schedules')

  it(
    'is away claims nothing, and goes on when it is back; a removed one is made anew',
    async () => {
      await using site = await makeSite('jsonl')
      const daemon = await site.daemon()
      const directory = directoryOf(site)
      await saveJob(site, { id: 'often', prompt: 'say hello' }, { inSeconds: 1, everySeconds: 1 })
      await waitFor('a run', async () => (await runs(site, 'often')) > 0, PATIENCE_MS)
      renameSync(directory, `${directory}.away`)
      await daemon.logs(/^the store cannot be used at present/, PATIENCE_MS)
      renameSync(`${directory}.away`, directory)
      await daemon.logs(/^the store can be used again/, PATIENCE_MS)
      await moreRuns(site, 'often')
      expectEachSecondOnce(await site.runs('often'))

      // In one step: a run that ends writes into it.
      renameSync(directory, `${directory}.removed`)
      rmSync(`${directory}.removed`, { recursive: true })
      await daemon.logs(/^job deleted/, PATIENCE_MS)
      const before = (await site.runs('often')).length
      await saveJob(site, { id: 'other', prompt: 'say hello' }, { inSeconds: 1, everySeconds: 1 })
      await moreRuns(site, 'other')
      expect(await site.runs('often')).toHaveLength(before)
      expect(await daemon.stop()).toBe(0)
    },
    TEST_MS,
  )

  it(
    'is replaced, or is a symbolic link that comes to point elsewhere, runs the jobs of the new one',
    async () => {
      await using site = await makeSite('jsonl')
      const directory = directoryOf(site)
      const placed = (name: string) => join(site.place.home, name)
      await saveJob(site, { id: 'first', prompt: 'say hello' }, { inSeconds: 1, everySeconds: 1 })
      /** A directory that holds the first job under another id. */
      const made = (name: string, from: string) => {
        mkdirSync(placed(name))
        const text = readFileSync(join(from, 'first.yaml'), 'utf8').replace(/^id: first$/m, `id: ${name}`)
        writeFileSync(join(placed(name), `${name}.yaml`), text)
      }
      made('second', directory)
      made('third', directory)
      const daemon = await site.daemon()
      await waitFor('a run', async () => (await runs(site, 'first')) > 0, PATIENCE_MS)

      renameSync(directory, placed('old'))
      renameSync(placed('second'), directory)
      await daemon.logs(/^job deleted/, PATIENCE_MS)
      await waitFor('runs of the second', async () => (await runs(site, 'second')) > 1, PATIENCE_MS)
      const firsts = (await site.runs('first')).length

      cpSync(directory, placed('second'), { recursive: true })
      rmSync(directory, { recursive: true })
      symlinkSync(placed('second'), directory)
      await moreRuns(site, 'second')
      symlinkSync(placed('third'), `${directory}.next`)
      renameSync(`${directory}.next`, directory)
      await waitFor('runs of the third', async () => (await runs(site, 'third')) > 1, PATIENCE_MS)
      await waitFor('both are gone', () => said(daemon, /^job deleted/) === 2, PATIENCE_MS)
      expect(await daemon.stop()).toBe(0)
      expect(await site.runs('first')).toHaveLength(firsts)
      for (const id of ['first', 'second', 'third']) expectEachSecondOnce(await site.runs(id))
    },
    TEST_MS,
  )
})

describe('a daemon whose log', () => {
  it.each([
    ['is on a full disk', () => openSync('/dev/full', 'w')],
    ['has no reader any more', () => 'pipe' as const],
  ])(
    '%s runs jobs all the same',
    async (_, stderr) => {
      await using site = await makeSite('jsonl')
      const { place, env } = site
      const daemon = spawn(findBinary('setpriv'), ['--pdeathsig=KILL', process.execPath, INFER, 'channels-manager'], {
        cwd: place.cwd,
        env: cliEnvironment(place.home, env),
        stdio: ['ignore', 'ignore', stderr()],
      })
      daemon.stderr?.destroy()
      const ended = once(daemon, 'exit')
      await saveJob(site, { id: 'often', prompt: 'say hello' }, { inSeconds: 1, everySeconds: 1 })
      await moreRuns(site, 'often')
      daemon.kill('SIGTERM')
      expect(await ended).toEqual([0, null])
    },
    TEST_MS,
  )
})
