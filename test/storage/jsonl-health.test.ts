import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { JsonlOptions } from '#storage/options.ts'
import { makeBackend } from '../support/backends.ts'

test('a newer format that is stamped while the store is open is found by its health', async () => {
  await using backend = await makeBackend('jsonl')
  const { runsDir } = backend.options() as JsonlOptions
  const stores = await backend.open()
  await stores.health()
  mkdirSync(runsDir, { recursive: true })
  writeFileSync(join(runsDir, 'format'), '2\n')
  await expect(stores.health()).rejects.toMatchObject({ code: 'E_SCHEMA_NEWER' })
  writeFileSync(join(runsDir, 'format'), '1\n')
  await stores.health()
})

test('what jobs need is well while conversations and plans cannot be used', async () => {
  await using backend = await makeBackend('jsonl')
  const { conversationsDir, plansDir, schedulesDir } = backend.options() as JsonlOptions
  const stores = await backend.open()
  for (const broken of [conversationsDir, plansDir]) {
    mkdirSync(join(broken, '..'), { recursive: true })
    writeFileSync(broken, 'a file where a directory belongs')
    await expect(stores.health()).rejects.toMatchObject({ code: 'E_UNAVAILABLE' })
    await stores.health('jobs')
    rmSync(broken)
  }
  mkdirSync(join(schedulesDir, '..'), { recursive: true })
  writeFileSync(schedulesDir, 'a file where a directory belongs')
  await expect(stores.health('jobs')).rejects.toMatchObject({ code: 'E_UNAVAILABLE' })
})
