import { readdirSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import { expect, test } from 'vitest'
import { dueJob, runThrough } from './conformance/run-samples.ts'
import { at, details, entry } from './conformance/samples.ts'
import { jsonlPlace, withFiles } from './jsonl-place.ts'

/** Everything below a directory that others than its owner may touch, as `path mode`. */
function open(root: string): string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true }).flatMap((one) => {
    const path = join(one.parentPath, one.name)
    const mode = statSync(path).mode & 0o777
    return (mode & 0o077) === 0 ? [] : [`${relative(root, path)} ${mode.toString(8)}`]
  })
}

test('whatever is written is the owner’s alone, whatever the umask', async () => {
  const place = jsonlPlace()
  const before = process.umask(0)
  try {
    await withFiles(place, async (stores) => {
      const write = { entries: [entry('hello')], metadata: details() }
      await stores.conversations.append('c1', { ...write, expectedLength: 0 })
      await stores.conversations.append('c1', { ...write, expectedLength: 1 })
      await stores.conversations.replace('c1', { ...write, expectedLength: 2 })
      await stores.conversations.list({ limit: 0, offset: 0 })
      await stores.sessionGroups.put('g', { currentSessionId: 'c1', history: [], updatedAt: at(1) })
      await stores.plans.save({ title: 'a plan', body: 'body' })
      await stores.shellHistory.append('ls')
      await dueJob(stores, 'j1')
      await runThrough(stores, await dueJob(stores, 'j2'), 1)
      await stores.coordination.acquireLease('lease', 'me')
      await stores.coordination.import('elsewhere', [{ key: '1', kind: 'history', command: 'pwd' }])
    })
  } finally {
    process.umask(before)
  }
  expect(open(place.root)).toEqual([])
})
