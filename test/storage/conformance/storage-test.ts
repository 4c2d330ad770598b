import { test as base, expect, type TestAPI } from 'vitest'
import type { StorageErrorCode } from '#storage/contract/errors.ts'
import type { Stores } from '#storage/contract/stores.ts'
import type { TestBackend, Tuning } from '../../support/backends.ts'

/** What every test of the suite is handed; made anew for each, and closed and removed after it. */
export interface StorageFixtures {
  /** An empty backend. */
  backend: TestBackend
  /** An open connection to it. */
  stores: Stores
  /** Another connection, as another process would make it. For memory, which cannot be shared, the same object. */
  open: (tuning?: Tuning) => Promise<Stores>
}

export type StorageTest = TestAPI<StorageFixtures>

/** `test` with an empty backend behind it. */
export function storageTest(factory: () => Promise<TestBackend>): StorageTest {
  return base.extend<StorageFixtures>({
    // biome-ignore lint/correctness/noEmptyPattern: the first argument must be a destructuring pattern
    backend: async ({}, use) => {
      await using backend = await factory()
      await use(backend)
    },
    stores: async ({ backend }, use) => {
      await use(await backend.open())
    },
    open: async ({ backend }, use) => {
      await use((tuning) => backend.open(tuning))
    },
  })
}

/** The promise is refused with a StorageError of this code, made by this backend. */
export async function expectCode(promise: Promise<unknown>, code: StorageErrorCode): Promise<void> {
  await expect(promise).rejects.toMatchObject({ name: 'StorageError', code })
}
