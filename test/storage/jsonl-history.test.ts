import { mkdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { FileShellHistory } from '#storage/jsonl/shell-history.ts'
import { testDirectory } from '../support/backends.ts'
import { Child } from '../support/child.ts'
import { openBelow } from '../support/open-files.ts'
import { resizeDisk, smallDisk } from '../support/tmpfs.ts'
import { expectCode } from './conformance/storage-test.ts'

/** The history file stays open between commands, while others do to it what they like. */

function place(root = testDirectory()): string {
  const path = join(root, '.infer/history')
  mkdirSync(dirname(path))
  return path
}

test('two processes that append 10,000 commands each at once: every line is there once, whole, and no other', async () => {
  const path = place()
  const names = ['left', 'right']
  const children = names.map((name) => new Child('../storage/history-child.ts', { args: [path, name, '10000'] }))
  await Promise.all(children.map((child) => child.hear('done', (said): said is string => said === 'done', 120_000)))
  const lines = readFileSync(path, 'utf8').split('\n')
  expect(lines.pop()).toBe('')
  for (const name of names) {
    const wanted = Array.from({ length: 10_000 }, (_, n) => `${name} ${n} ${'x'.repeat(n % 2_003)}`)
    expect(lines.filter((line) => line.startsWith(name))).toEqual(wanted)
  }
  expect(lines).toHaveLength(20_000)
}, 240_000)

test('a file that others remove, replace, cut or continue is the one that the next command goes to', async () => {
  const path = place()
  using history = new FileShellHistory(path)
  await history.append('one')
  rmSync(path)
  await history.append('two')
  expect(readFileSync(path, 'utf8')).toBe('two\n')
  writeFileSync(`${path}.new`, 'other')
  renameSync(`${path}.new`, path)
  await history.append('three')
  expect(readFileSync(path, 'utf8')).toBe('other\nthree\n')
  truncateSync(path, 0)
  await history.append('four')
  expect(readFileSync(path, 'utf8')).toBe('four\n')
  truncateSync(path, 2)
  await history.append('five')
  writeFileSync(path, 'six\n', { flag: 'a' })
  await history.append('seven')
  expect(await history.load(0)).toEqual(['fo', 'five', 'six', 'seven'])
  rmSync(dirname(path), { recursive: true })
  await history.append('eight')
  expect(await history.load(0)).toEqual(['eight'])
  expect(openBelow(dirname(path))).toEqual([path])
})

test('a file that becomes a directory is continued in it, and the other way round', async () => {
  const path = place()
  using history = new FileShellHistory(path)
  await history.append('file')
  rmSync(path)
  mkdirSync(path)
  await history.append('in the directory')
  expect(readFileSync(join(path, 'history'), 'utf8')).toBe('in the directory\n')
  expect(await history.load(0)).toEqual(['in the directory'])
  rmSync(path, { recursive: true })
  writeFileSync(path, 'file again\n')
  await history.append('and on')
  expect(await history.load(0)).toEqual(['file again', 'and on'])
})

test('is closed with its store, and after errors', async () => {
  const path = place()
  {
    using history = new FileShellHistory(path)
    for (let n = 0; n < 10; n++) await history.append(`${n}`)
    rmSync(path)
    mkdirSync(join(path, 'history'), { recursive: true })
    for (let n = 0; n < 10; n++) await expectCode(history.append('no'), 'E_UNAVAILABLE')
    rmSync(path, { recursive: true })
    await history.append('again')
    expect(openBelow(dirname(path))).toEqual([path])
  }
  expect(openBelow(dirname(path))).toEqual([])
})

test('a full disk: E_FULL, and the next command stands in a line of its own', async ({ skip }) => {
  const disk = smallDisk('1m')
  if (disk === undefined) return skip('no small disk may be mounted here')
  const path = place(disk)
  using history = new FileShellHistory(path)
  await history.append('one')
  const large = 'x'.repeat(2_000_000)
  await expectCode(history.append(large), 'E_FULL')
  await expectCode(history.append('y'), 'E_FULL')
  resizeDisk(disk, '8m')
  await history.append('two')
  const [first, torn, last, ...more] = await history.load(0)
  expect([first, last, more]).toEqual(['one', 'two', []])
  expect(large.startsWith(torn ?? 'nothing')).toBe(true)
})
