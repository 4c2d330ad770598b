import { closeSync, fstatSync, mkdirSync, openSync, readdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, test, vi } from 'vitest'
import { prepareFiles, removeFile, replaceFile } from '#storage/jsonl/replace-file.ts'
import { RunHistory } from '#storage/jsonl/run-history.ts'
import { syncDirectory, syncFile } from '#storage/jsonl/sync.ts'
import { testDirectory } from '../support/backends.ts'
import { openBelow } from '../support/open-files.ts'
import { expectCode } from './conformance/storage-test.ts'
import { jsonlPlace, withFiles } from './jsonl-place.ts'

/** Paths that were synced, in the order in which the syncs began. */
const synced = vi.hoisted((): string[] => [])

vi.mock('node:fs', async (importOriginal) => {
  const fs = await importOriginal<typeof import('node:fs')>()
  const note = (fd: number) => {
    try {
      synced.push(fs.readlinkSync(`/proc/self/fd/${fd}`))
    } catch {
      // It is not open.
    }
  }
  const fsync = (fd: number, done: (error: unknown) => void) => {
    note(fd)
    fs.fsync(fd, done)
  }
  const fsyncSync = (fd: number) => {
    note(fd)
    fs.fsyncSync(fd)
  }
  return { ...fs, fsync, fsyncSync }
})

beforeEach(() => {
  synced.length = 0
})

test('an error of one file reaches its own caller only', async () => {
  const directory = testDirectory()
  const [a, b] = ['a', 'b'].map((name) => openSync(join(directory, name), 'w'))
  const closed = openSync(join(directory, 'closed'), 'w')
  closeSync(closed)
  expect(() => fstatSync(closed)).toThrow('EBADF')
  const outcomes = await Promise.allSettled([a, closed, b].map((fd) => syncFile(fd ?? -1)))
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(outcomes[1]).toMatchObject({ reason: { code: 'EBADF' } })
  await expect(syncFile(closed)).rejects.toThrow('EBADF')
  for (const fd of [a, b]) closeSync(fd ?? -1)
})

test('those that ask for one directory at the same moment share a sync, and later ones do not', async () => {
  const directory = testDirectory()
  await Promise.all([syncDirectory(directory), syncDirectory(directory), syncDirectory(directory)])
  expect(synced).toEqual([directory])
  const first = syncDirectory(directory)
  await new Promise((resolve) => setImmediate(resolve))
  await Promise.all([first, syncDirectory(directory)])
  expect(synced).toEqual([directory, directory, directory])
  expect(openBelow(directory)).toEqual([])
})

test('a directory that could not be synced once is tried again', async () => {
  const directory = join(testDirectory(), 'later')
  const attempts = [syncDirectory(directory), syncDirectory(directory)]
  await Promise.all(attempts.map((attempt) => expectCode(attempt, 'E_UNAVAILABLE')))
  mkdirSync(directory)
  await syncDirectory(directory)
  expect(synced).toEqual([directory])
})

test('a file is synced before it has its name, and each new directory above it and its own after that', async () => {
  const root = testDirectory()
  const path = join(root, 'a/b/c/file')
  await replaceFile(path, 'text')
  const directories = synced.filter((one) => !one.endsWith('.tmp'))
  expect(directories.slice(0, -1).sort()).toEqual([root, join(root, 'a'), join(root, 'a/b')])
  expect(synced.at(-1)).toBe(join(root, 'a/b/c'))
  expect(synced.at(-2)).toMatch(/\.file\..*\.tmp$/)
  synced.length = 0
  await replaceFile(path, 'other')
  await removeFile(path)
  expect(synced.filter((one) => !one.endsWith('.tmp'))).toEqual([join(root, 'a/b/c'), join(root, 'a/b/c')])
})

test('the name of a new ledger of imports is synced before anything is taken in', async () => {
  const place = jsonlPlace()
  await withFiles(place, async ({ coordination }) => {
    await coordination.import('source', [
      { key: 'k', kind: 'plan', plan: { id: 'p', slug: 'p', title: 'P', body: '', createdAt: new Date(0) } },
    ])
  })
  const plan = synced.findIndex((path) => path.startsWith(`${place.plansDir}/`))
  const ledgers = join(place.runsDir, 'imports')
  expect(synced.slice(0, plan)).toContain(ledgers)
})

test('when one of many files cannot be written none is left, and no descriptor', async () => {
  const root = testDirectory()
  await replaceFile(join(root, 'file'), '')
  const contents = new Map(['a', 'file/below', 'b'].map((name) => [join(root, name), 'text']))
  await expectCode(prepareFiles(contents), 'E_UNAVAILABLE')
  expect(readdirSync(root)).toEqual(['file'])
  expect(openBelow(root)).toEqual([])
})

test('a directory of hints that cannot be made is an error of the store', async () => {
  const root = testDirectory()
  symlinkSync(join(root, 'nowhere'), join(root, 'ids'))
  const note = async () => new RunHistory(root).note('run', 'job')
  await expectCode(note(), 'E_UNAVAILABLE')
})
