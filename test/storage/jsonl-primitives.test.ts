import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { GITIGNORE } from '#infer-dir.ts'
import type { JsonObject } from '#storage/contract/json.ts'
import { Locks } from '#storage/jsonl/locks.ts'
import { networkFileSystem } from '#storage/jsonl/network-file-system.ts'
import { type Codec, NumberedRecords, type Stored } from '#storage/jsonl/numbered-records.ts'
import { createFile, replaceFile, sweepTemporaries } from '#storage/jsonl/replace-file.ts'
import { testDirectory } from '../support/backends.ts'
import { Child } from '../support/child.ts'
import { expectCode } from './conformance/storage-test.ts'

const AS_IT_IS: Codec<JsonObject> = { encode: (body) => body, decode: (document) => document }

function files(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((one) => one.isFile())
    .map((one) => one.name)
}

test('of two racers on a numbered record exactly one wins, 200 times', async () => {
  const directory = testDirectory()
  const [left, right] = [new NumberedRecords(directory, AS_IT_IS), new NumberedRecords(directory, AS_IT_IS)]
  let seen: Stored<JsonObject> | undefined
  for (let round = 1; round <= 200; round++) {
    const results = await Promise.all([
      left.replace('job', seen, { by: 'left', round }),
      right.replace('job', seen, { by: 'right', round }),
    ])
    const [winner, ...others] = results.filter((result) => result !== undefined)
    expect(others).toEqual([])
    seen = right.read('job')
    expect(seen).toEqual(winner)
  }
  expect(files(directory).sort()).toEqual(['job@199', 'job@200'])
})

test('a writer that slept while others passed and pruned its number has lost', async () => {
  const directory = testDirectory()
  const records = new NumberedRecords(directory, AS_IT_IS)
  const slept = await records.replace('job', undefined, { n: 1 })
  let seen = slept
  for (let n = 2; n <= 8; n++) seen = await records.replace('job', seen, { n })
  expect(await records.replace('job', slept, { n: 'late' })).toBeUndefined()
  expect(await records.replace('job', undefined, { n: 'first' })).toBeUndefined()
  expect(records.read('job')).toEqual(seen)
  expect(new NumberedRecords(directory, AS_IT_IS).all()).toEqual(new Map([['job', seen]]))
})

test('a writer whose state was passed between its link and its look has won all the same', async () => {
  const directory = testDirectory()
  const records = new NumberedRecords(directory, AS_IT_IS)
  const first = await records.replace('job', undefined, { n: 1 })
  const prepared = await records.prepare('job', first, { n: 2 })
  const shard = join(directory, readdirSync(directory)[0] ?? '')
  const temporary = readdirSync(shard).find((name) => name.endsWith('.tmp')) ?? ''
  const { token } = JSON.parse(readFileSync(join(shard, temporary), 'utf8')) as { token: string }
  const later = { token: 'other', trail: [token, first?.token], at: 0, body: { n: 3 } }
  writeFileSync(join(shard, 'job@3'), JSON.stringify(later))
  expect(prepared.commit()).toMatchObject({ number: 2 })
  expect(records.read('job')?.body).toEqual({ n: 3 })
})

test('what is listed is what was written, also within one tick of the clock', async () => {
  const directory = testDirectory()
  const [writer, reader] = [new NumberedRecords(directory, AS_IT_IS), new NumberedRecords(directory, AS_IT_IS)]
  let seen: Stored<JsonObject> | undefined
  for (let n = 1; n <= 50; n++) {
    seen = await writer.replace('job', seen, { n })
    expect(reader.all().get('job')).toEqual(seen)
  }
})

test('a record that cannot be read is an error, and an error in the list', async () => {
  const directory = testDirectory()
  const records = new NumberedRecords(directory, AS_IT_IS)
  await records.replace('job', undefined, {})
  const shard = join(directory, readdirSync(directory)[0] ?? '')
  writeFileSync(join(shard, 'job@7'), '{"tok')
  expect(() => records.read('job')).toThrow(expect.objectContaining({ code: 'E_CORRUPT' }))
  expect(records.all().get('job')).toMatchObject({ code: 'E_CORRUPT' })
})

test('a lock stays with a stopped holder, is E_BUSY without blocking, and is freed by kill -9', async () => {
  const path = join(testDirectory(), 'locks/a.lock')
  mkdirSync(join(path, '..'))
  await using holder = new Child('./lock-child.ts', { args: [path] })
  await holder.hear('held', (said): said is object => (said as { held?: boolean }).held === true)
  holder.signal('SIGSTOP')
  await using locks = new Locks(1_000)
  let turns = 0
  const ticking = setInterval(() => turns++, 10)
  await expectCode(
    locks.hold(path, async () => 'got it'),
    'E_BUSY',
  )
  clearInterval(ticking)
  expect(turns).toBeGreaterThan(2)
  await holder.kill()
  expect(await locks.hold(path, async () => 'got it')).toBe('got it')
})

test('callers of one lock go one after the other, also after one that failed, over two connections', async () => {
  const path = join(testDirectory(), 'new/a.lock')
  await using first = new Locks(5_000)
  await using second = new Locks(5_000)
  let inside = 0
  let most = 0
  const enter = async (n: number) => {
    most = Math.max(most, ++inside)
    await new Promise((resolve) => setTimeout(resolve, 1))
    inside -= 1
    if (n % 3 === 0) throw new Error('failed inside')
  }
  const all = Array.from({ length: 20 }, (_, n) => (n % 2 ? first : second).hold(path, () => enter(n)))
  const failed = (await Promise.allSettled(all)).filter(({ status }) => status === 'rejected')
  expect(failed).toHaveLength(7)
  expect(most).toBe(1)
  expect(statSync(path).mode & 0o777).toBe(0o600)
})

test('many locks leave few open files', async () => {
  const directory = testDirectory()
  await using locks = new Locks(1_000)
  await Promise.all(Array.from({ length: 100 }, (_, n) => locks.hold(join(directory, `${n}.lock`), async () => {})))
  const open = readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(directory)
    } catch {
      return false
    }
  })
  expect(open.length).toBeLessThanOrEqual(40)
})

test('files are 0600, directories 0700, and a new .infer ignores what the program writes', async () => {
  const root = testDirectory()
  const path = join(root, 'work/.infer/plans/deep/file.md')
  await replaceFile(path, 'text')
  expect(statSync(path).mode & 0o777).toBe(0o600)
  for (const directory of ['work', 'work/.infer', 'work/.infer/plans', 'work/.infer/plans/deep']) {
    expect(statSync(join(root, directory)).mode & 0o777).toBe(0o700)
  }
  expect(readFileSync(join(root, 'work/.infer/.gitignore'), 'utf8')).toBe(GITIGNORE)
  expect(readdirSync(join(path, '..'))).toEqual(['file.md'])
})

test('a failed write leaves the old file and no other', async () => {
  const root = testDirectory()
  const path = join(root, 'file')
  await replaceFile(path, 'old')
  expect(await createFile(path, 'new')).toBe(false)
  expect(readFileSync(path, 'utf8')).toBe('old')
  await expectCode(replaceFile(join(path, 'below'), 'x'), 'E_UNAVAILABLE')
  mkdirSync(join(root, 'directory/full'), { recursive: true })
  await expectCode(replaceFile(join(root, 'directory'), 'x'), 'E_UNAVAILABLE')
  expect(readdirSync(root).sort()).toEqual(['directory', 'file'])
})

test('temporary files of killed writers go after an hour', () => {
  const root = testDirectory()
  const old = new Date(Date.now() - 2 * 60 * 60 * 1_000)
  for (const name of ['.a.yaml.0011.tmp', '.b.yaml.0011.tmp', '.other', 'c.yaml']) writeFileSync(join(root, name), '')
  for (const name of ['.a.yaml.0011.tmp', '.other', 'c.yaml']) utimesSync(join(root, name), old, old)
  sweepTemporaries(root, readdirSync(root))
  expect(readdirSync(root).sort()).toEqual(['.b.yaml.0011.tmp', '.other', 'c.yaml'])
})

test('a local place is no network file system, also one that does not exist yet', async () => {
  const root = testDirectory()
  symlinkSync(root, join(root, 'link'))
  expect(await networkFileSystem(join(root, 'link/not/yet'))).toBeUndefined()
  expect(existsSync(join(root, 'not'))).toBe(false)
})
