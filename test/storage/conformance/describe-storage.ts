import { describe, expect } from 'vitest'
import type { TestBackend } from '../../support/backends.ts'
import { claimTests } from './claims.ts'
import { concurrencyTests } from './concurrency.ts'
import { conversationTests } from './conversations.ts'
import { coordinationTests } from './coordination.ts'
import { importTests } from './imports.ts'
import { inputTests } from './input.ts'
import { isolationTests } from './isolation.ts'
import { jobTests } from './jobs.ts'
import { planTests } from './plans.ts'
import { exitTests, processTests } from './processes.ts'
import { restoreTests } from './restore.ts'
import { runTests } from './runs.ts'
import { sessionGroupTests } from './session-groups.ts'
import { shellHistoryTests } from './shell-history.ts'
import { type StorageTest, storageTest } from './storage-test.ts'
import { hintTests, watchTests } from './watch.ts'

/** What a backend is exempt from, each with the reason. */
export interface Exemptions {
  /** Tests with several processes. Only a backend whose capabilities say `shared: false` is exempt. */
  processes?: string
}

/** The conformance suite: every sentence of the contract, for one backend. */
export function describeStorage(name: string, factory: () => Promise<TestBackend>, exempt: Exemptions = {}): void {
  describe(name, () => {
    const test = storageTest(factory)
    openingTests(test, exempt)
    conversationTests(test)
    sessionGroupTests(test)
    jobTests(test)
    claimTests(test)
    runTests(test)
    planTests(test)
    shellHistoryTests(test)
    coordinationTests(test)
    importTests(test)
    restoreTests(test)
    inputTests(test)
    isolationTests(test)
    concurrencyTests(test)
    watchTests(test)
    hintTests(test)
    exitTests(test)
    if (exempt.processes === undefined) processTests(test)
  })
}

function openingTests(test: StorageTest, exempt: Exemptions): void {
  test('an open store says what it is, without a password, and is healthy', async ({ backend, stores }) => {
    expect(stores.type).toBe(backend.type)
    expect(stores.capabilities.shared).toBe(exempt.processes === undefined)
    expect(stores.location).not.toBe('')
    expect(`${stores.location} ${stores.shellHistory.location}`).not.toContain('planted')
    await stores.health()
  })

  test('opening twice, closing twice, and opening again is fine', async ({ open }) => {
    await open()
    const second = await open()
    await second[Symbol.asyncDispose]()
    await second[Symbol.asyncDispose]()
    await (await open()).health()
  })
}
