import { execFileSync } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readTextFile, textOf } from '#agent/text-file.ts'
import { readTool } from '#agent/tools/read.ts'
import { Sandbox } from '#agent/tools/sandbox.ts'
import type { JsonObject } from '#storage/contract/json.ts'
import { memoryStores } from '../headless-options.ts'
import { newDirectory } from './in-directory.ts'

let directory: Awaited<ReturnType<typeof newDirectory>>
const stores = memoryStores()

beforeAll(async () => {
  directory = await newDirectory()
})
afterAll(() => directory[Symbol.asyncDispose]())

async function read(args: JsonObject): Promise<JsonObject> {
  const sandbox = new Sandbox({ cwd: directory.path, directories: ['.'], protectedPaths: ['*.env'] })
  const tool = readTool({ sandbox, plans: stores.plans, requireApproval: false })
  const call = { id: 'c', type: 'function' as const, function: { name: 'Read', arguments: '' } }
  const { data } = await tool.run(tool.parse(args), { signal: new AbortController().signal, call })
  return data as JsonObject
}

const write = (name: string, content: string | Uint8Array) => writeFile(join(directory.path, name), content)

describe('Read', () => {
  it('numbers the lines', async () => {
    await write('a.txt', 'one\ntwo\r\n\nfour\n')
    expect(await read({ file_path: 'a.txt' })).toEqual({
      file_path: 'a.txt',
      content: '     1\tone\n     2\ttwo\n     3\t\n     4\tfour',
      start_line: 1,
      end_line: 4,
      total_lines: 4,
    })
  })

  it('reads a range and says how many lines there are', async () => {
    await write('many.txt', Array.from({ length: 3000 }, (_, index) => `l${index + 1}`).join('\n'))
    expect(await read({ file_path: 'many.txt', offset: 10, limit: 2 })).toMatchObject({
      content: '    10\tl10\n    11\tl11',
      end_line: 11,
      total_lines: 3000,
    })
    expect(await read({ file_path: 'many.txt' })).toMatchObject({ start_line: 1, end_line: 2000 })
    expect(await read({ file_path: 'many.txt', offset: 2999, limit: null })).toMatchObject({ end_line: 3000 })
    await expect(read({ file_path: 'many.txt', offset: 3001 })).rejects.toThrow('there is no line 3001')
  })

  it('cuts long lines and long results', async () => {
    await write('wide.txt', `${'x'.repeat(5000)}\nshort`)
    const { content } = await read({ file_path: 'wide.txt' })
    expect(content).toContain('… (5000 characters)\n     2\tshort')
    await write('huge.txt', `${'y'.repeat(1999)}\n`.repeat(500))
    const huge = await read({ file_path: 'huge.txt' })
    expect((huge.content as string).length).toBeLessThanOrEqual(200_000)
    expect(huge).toMatchObject({ total_lines: 500, end_line: 99 })
  })

  it('takes an empty file', async () => {
    await write('empty.txt', '')
    expect(await read({ file_path: 'empty.txt' })).toMatchObject({ content: '', total_lines: 0 })
  })

  it('refuses what is no text file', async () => {
    await write('b.bin', new Uint8Array([1, 0, 2]))
    await mkdir(join(directory.path, 'sub'))
    execFileSync('mkfifo', [join(directory.path, 'pipe')])
    await expect(read({ file_path: 'b.bin' })).rejects.toThrow('b.bin is a binary file')
    await expect(read({ file_path: 'sub' })).rejects.toThrow('sub is a directory')
    await expect(read({ file_path: 'pipe' })).rejects.toThrow('pipe is not a regular file')
    await expect(read({ file_path: 'nope.txt' })).rejects.toThrow('there is no file nope.txt')
  })

  it('takes a slip in UTF-8 for a slip, and another encoding for no text', async () => {
    await write('slip.txt', Buffer.concat([Buffer.from('a long line of text, \ufffd '), Buffer.from([0xff])]))
    expect((await read({ file_path: 'slip.txt' })).content).toBe('     1\ta long line of text, \ufffd \ufffd')
    await write('marks.txt', '\ufffd'.repeat(50))
    expect((await read({ file_path: 'marks.txt' })).content).toContain('\ufffd'.repeat(50))
    await write('koi8.txt', Buffer.from('f0d2c9d7c5d420cdc9d221', 'hex'))
    await expect(read({ file_path: 'koi8.txt' })).rejects.toThrow(
      'koi8.txt is a binary file or text in another encoding: 82% of it is no UTF-8',
    )
    await write('utf16.txt', Buffer.from('\ufefftext', 'utf16le'))
    await expect(read({ file_path: 'utf16.txt' })).rejects.toThrow('utf16.txt is a binary file')
  })

  it('leaves out the byte order mark', async () => {
    await write('mark.txt', '\ufeffone')
    expect((await read({ file_path: 'mark.txt' })).content).toBe('     1\tone')
  })

  it('reads files whose size the system does not say, and none past the limit', async () => {
    const sandbox = new Sandbox({ cwd: directory.path, directories: ['/'], protectedPaths: [] })
    await using version = await sandbox.open('/proc/version')
    expect(await textOf(version, 'version', 1000)).toContain('Linux')
    await using again = await sandbox.open('/proc/version')
    await expect(textOf(again, 'version', 10)).rejects.toThrow('version has more than 10 bytes; at most 10 are read')
    await write('eleven.txt', 'x'.repeat(11))
    await using file = await sandbox.open('eleven.txt')
    await expect(textOf(file, 'eleven.txt', 10)).rejects.toThrow('eleven.txt has 11 bytes; at most 10 are read')
    await using whole = await sandbox.open('eleven.txt')
    expect(await textOf(whole, 'eleven.txt', 11)).toBe('x'.repeat(11))
  })

  it('never waits for a device, also not by its path', async () => {
    for (const path of ['/dev/zero', '/dev/tty', '/dev/null']) {
      await expect(readTextFile(path, path, 1000)).rejects.toThrow(`${path} is not a regular file`)
    }
    execFileSync('mkfifo', [join(directory.path, 'fifo')])
    await expect(readTextFile(join(directory.path, 'fifo'), 'fifo', 1000)).rejects.toThrow('fifo is not a regular file')
  })

  it('stays in the sandbox', async () => {
    await write('x.env', 'KEY=1')
    await expect(read({ file_path: 'x.env' })).rejects.toThrow('protected')
    await expect(read({ file_path: '/etc/passwd' })).rejects.toThrow('outside')
  })

  it('reads stored plans by their URI', async () => {
    const { id } = await stores.plans.save({ title: 'Build it', body: 'First.\nSecond.' })
    expect(await read({ file_path: `infer://plans/${id}`, offset: 3 })).toMatchObject({
      content: '     3\tFirst.\n     4\tSecond.',
      total_lines: 4,
    })
    await expect(read({ file_path: 'infer://plans/nope' })).rejects.toMatchObject({ code: 'E_NOT_FOUND' })
    await expect(read({ file_path: 'infer://plans/../x' })).rejects.toMatchObject({ code: 'E_INVALID' })
  })

  it('says what is wrong with its arguments', async () => {
    await expect(read({})).rejects.toThrow('file_path is missing')
    await expect(read({ file_path: 1, offset: 0 })).rejects.toThrow(
      'the arguments are not accepted: file_path must be of type string; offset must be at least 1',
    )
  })
})
