import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { migrateLegacyArtifacts } from '#storage/transfer/import-artifacts.ts'
import { type DATABASES, type OldPlace, oldPlace, smallPlace, write } from '../storage/transfer/import-places.ts'
import { makeBackend, type TestBackend } from '../support/backends.ts'
import { Child } from '../support/child.ts'
import { waitFor } from '../support/wait-for.ts'
import type { ImportChildInput } from './import-child.ts'

const LINES = 2_400

/** A place whose history takes several batches. */
function place(): OldPlace {
  const made = smallPlace({ jobs: 8, plans: 5, lines: 0 })
  write(made.history, Array.from({ length: LINES }, (_, n) => `echo ${Math.floor(n / 2)}\n`).join(''))
  return made
}

/** A process that imports. */
class Importer implements AsyncDisposable {
  readonly child = new Child('../faults/import-child.ts')

  async open(old: OldPlace, backend: TestBackend, killAt = 0): Promise<void> {
    const { warn: _, ...storage } = backend.options()
    const { places } = old.options(backend.options())
    this.child.send({ places, storage, killAt } satisfies ImportChildInput)
    await this.child.hear('ready', (said): said is object => (said as { ready?: boolean }).ready === true)
  }

  begin(): void {
    this.child.send('go')
  }

  /** How many steps it took to its end, or that it is dead. */
  async end(): Promise<number | 'dead'> {
    return await waitFor(
      'import: its end',
      () =>
        this.child.said.map((said) => (said as { steps?: number }).steps).find(Boolean) ?? (this.#isDead() && 'dead'),
      60_000,
    )
  }

  #isDead(): boolean {
    try {
      process.kill(this.child.pid, 0)
      return false
    } catch {
      return true
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.child.kill()
  }
}

/** Importers that are started one ahead: most of what a process takes is its start. */
class Importers implements AsyncDisposable {
  #spare = new Importer()

  next(): Importer {
    const spare = this.#spare
    this.#spare = new Importer()
    return spare
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#spare[Symbol.asyncDispose]()
  }
}

/** After a last clean call everything is there once, and nothing is left half done. */
async function expectCleanImport(old: OldPlace, backend: TestBackend): Promise<void> {
  const stores = await backend.open()
  await migrateLegacyArtifacts(oldPlace(old.root).options(backend.options()), stores)
  const { jobs, unreadable } = await stores.scheduledJobs.list()
  expect(unreadable).toEqual([])
  expect(jobs.map(({ id }) => id).sort()).toEqual(Array.from({ length: 8 }, (_, n) => `job-${n}`))
  expect((await stores.jobRuns.states()).size).toBe(8)
  expect((await stores.plans.list()).plans).toHaveLength(5)
  expect(await stores.shellHistory.load(0)).toEqual(
    Array.from({ length: LINES }, (_, n) => `echo ${Math.floor(n / 2)}`),
  )
  for (const [directory, names] of [
    [join(old.home, '.infer'), ['schedules']],
    [join(old.work, '.infer'), ['history', 'plans']],
  ] as const) {
    const left = readdirSync(directory).filter((name) => !name.startsWith('infer'))
    expect(left.map((name) => name.replace(/\.migrated-\d{8}T\d{6}Z$/, ' is kept')).sort()).toEqual(
      names.map((name) => `${name} is kept`),
    )
  }
}

export interface KillCounts {
  readonly moments: number
  readonly seed: number
}

/** Numbers in [0, 1) that follow from a seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export function describeImportKills(type: (typeof DATABASES)[number], { moments, seed }: KillCounts): void {
  describe(`import into ${type}`, () => {
    test('killed at every step, the next call completes it', async () => {
      await using importers = new Importers()
      for (let killAt = 1; ; killAt++) {
        await using backend = await makeBackend(type)
        const old = place()
        await using importer = importers.next()
        await importer.open(old, backend, killAt)
        importer.begin()
        const end = await importer.end()
        await expectCleanImport(old, backend)
        if (end === 'dead') continue
        expect(killAt).toBe(end + 1)
        expect(end).toBeGreaterThan(15)
        break
      }
    }, 600_000)

    test(`killed at ${moments} random moments while another one imports (seed ${seed})`, async () => {
      await using importers = new Importers()
      const random = seeded(seed)
      for (let n = 0; n < moments; n++) {
        await using backend = await makeBackend(type)
        const old = place()
        await using killed = importers.next()
        await killed.open(old, backend)
        const stores = await backend.open()
        killed.begin()
        const other = migrateLegacyArtifacts(oldPlace(old.root).options(backend.options()), stores)
        await sleep(random() * 80)
        await killed.child.kill()
        await other
        await expectCleanImport(old, backend)
      }
    }, 1_800_000)
  })
}
