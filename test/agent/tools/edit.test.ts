import { readdir, readFile, rename, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { editTool } from '#agent/tools/edit.ts'
import { replaceText } from '#agent/tools/replace-text.ts'
import type { JsonObject } from '#storage/contract/json.ts'
import { callOf, carryOut, sandboxOf } from './file-tool.ts'
import { newDirectory } from './in-directory.ts'

let directory: Awaited<ReturnType<typeof newDirectory>>
const directories: AsyncDisposable[] = []

beforeEach(async () => {
  directory = await newDirectory()
  directories.push(directory)
})
afterAll(() => Promise.all(directories.map((one) => one[Symbol.asyncDispose]())))

const at = (name: string) => join(directory.path, name)
const tool = (requireApproval = true) => editTool({ sandbox: sandboxOf(directory.path), requireApproval })
const argsOf = (old_string: string, new_string: string, more: JsonObject = {}): JsonObject => ({
  file_path: 'a.txt',
  old_string,
  new_string,
  ...more,
})

/** What becomes of a file with this content. */
async function edited(before: string | Uint8Array, old: string, now: string, more: JsonObject = {}): Promise<string> {
  await writeFile(at('a.txt'), before)
  await carryOut(tool(), argsOf(old, now, more))
  return await readFile(at('a.txt'), 'utf8')
}

describe('Edit', () => {
  it('replaces the one match and shows the lines as they are now', async () => {
    await writeFile(at('a.txt'), '1\n2\n3\n4\n5\n6\n7\n8\n9\n', { mode: 0o600 })
    expect(await carryOut(tool(), argsOf('5\n', 'five\nand a half\n'))).toEqual({
      file_path: 'a.txt',
      replacements: 1,
      changed: ['2\t2', '3\t3', '4\t4', '5\tfive', '6\tand a half', '7\t6', '8\t7', '9\t8']
        .map((row) => `     ${row}`)
        .join('\n'),
    })
    expect(await readFile(at('a.txt'), 'utf8')).toBe('1\n2\n3\n4\nfive\nand a half\n6\n7\n8\n9\n')
    expect((await stat(at('a.txt'))).mode & 0o777).toBe(0o600)
    expect(await readdir(directory.path)).toEqual(['a.txt'])
  })

  it('replaces all when it is told to', async () => {
    await writeFile(at('a.txt'), 'aXbXc')
    expect(await carryOut(tool(), argsOf('X', '', { replace_all: true }))).toMatchObject({ replacements: 2 })
    expect(await readFile(at('a.txt'), 'utf8')).toBe('abc')
  })

  it('refuses several matches, with their number and lines, also when they overlap', async () => {
    await expect(edited('x\ny\nx\nx\n', 'x', 'z')).rejects.toThrow(
      'old_string is 3 times in a.txt, from line 1, 3, 4 on; give more of the lines around it, or set replace_all',
    )
    await expect(edited('aaa', 'aa', 'b')).rejects.toThrow('2 times')
    expect(await readFile(at('a.txt'), 'utf8')).toBe('aaa')
    expect(await edited('aaa', 'aa', 'b', { replace_all: true })).toBe('ba')
  })

  it('takes the new text literally', async () => {
    expect(await edited('a.c', '.', '$& $1 $` \\n')).toBe('a$& $1 $` \\nc')
    expect(await edited('a.c.', '.', "$'", { replace_all: true })).toBe("a$'c$'")
  })

  it.each([
    ['a byte order mark', '\ufeffone\ntwo', 'one', '1', '\ufeff1\ntwo'],
    ['a missing last line end', 'one\ntwo', 'two', '2', 'one\n2'],
    ['characters beyond 16 bits', 'a😀b😁c', '😁', '🙂', 'a😀b🙂c'],
    ['decomposed letters', 'e\u0301 é', 'é', 'x', 'e\u0301 x'],
    ['CRLF around a single line', 'a\r\nb\r\nc\r\n', 'b', 'x', 'a\r\nx\r\nc\r\n'],
    ['CRLF where one line becomes two', 'a\r\nb\r\n', 'b', 'x\ny', 'a\r\nx\r\ny\r\n'],
    ['CRLF over several lines', 'a\r\nb\r\nc', 'a\nb\n', 'x\n', 'x\r\nc'],
    ['CRLF before a match', 'a\r\nb\r\n', '\nb', '\nx\ny', 'a\r\nx\r\ny\r\n'],
    ['CRLF that is asked for', 'a\r\nb\r\n', 'a\r\nb', 'a\nb', 'a\nb\r\n'],
    ['mixed line ends, CRLF part', 'a\r\nb\nc\n', 'a\nb', 'x\ny', 'x\r\ny\nc\n'],
    ['mixed line ends, LF part', 'a\r\nb\nc\n', 'b\nc', 'x\ny', 'a\r\nx\ny\n'],
    ['a lone CR', 'a\rb\n', 'b', 'x', 'a\rx\n'],
  ])('keeps %s', async (_, before, old, now, after) => {
    expect(JSON.stringify(await edited(before, old, now))).toBe(JSON.stringify(after))
  })

  it.each([
    ['other indentation', 'if (x) {\n\treturn\n}\n', 'if (x) {\n  return\n}', 'other whitespace at lines 1 to 3'],
    ['blanks inside a line', 'q\na  =  1\n', 'a = 1', 'other whitespace at line 2'],
    ['CRLF for LF', 'a\nb\n', 'a\r\nb', 'other line ends at lines 1 to 2'],
    [
      'line numbers of Read',
      'one\ntwo\n',
      '     1\tone\n     2\ttwo',
      'without the line numbers that Read shows at lines 1 to 2',
    ],
    ['case', 'x\nHello World\n', 'hello world', 'other upper and lower case at line 2'],
    ['quotes', 'say “hi”\n', 'say "hi"', 'Unicode characters that look alike'],
    [
      'what follows',
      'a\nfunction f() {\n  1\n}',
      'function f() {\n  2\n}',
      'its first line is at line 2, and what follows differs',
    ],
    ['nothing', 'a\n', 'completely else', 'nothing like it is there'],
    ['only blanks', 'a\n', '   ', 'only whitespace'],
  ])('says why there is no match: %s', async (_, before, old, problem) => {
    const call = edited(before, old, 'new')
    await expect(call).rejects.toThrow('old_string is not in a.txt: ')
    await expect(call).rejects.toThrow(problem)
    expect(await readFile(at('a.txt'), 'utf8')).toBe(before)
  })

  it('refuses what it would damage or cannot find', async () => {
    await expect(edited('a', 'a', 'a')).rejects.toThrow('nothing would change')
    await expect(edited('a\r\nb\r\n', 'a\nb', 'a\r\nb')).rejects.toThrow('nothing would change')
    await expect(edited(new Uint8Array([97, 255, 98]), 'a', 'x')).rejects.toThrow('a.txt is not valid UTF-8')
    await expect(edited(new Uint8Array([97, 0, 98]), 'a', 'x')).rejects.toThrow('a.txt is a binary file')
    await expect(edited('😀', '\ud83d', 'x')).rejects.toThrow('old_string holds half of a surrogate pair')
    await expect(edited('a', 'a', '\ude00')).rejects.toThrow('new_string holds half of a surrogate pair')
    await expect(edited('a', '', 'x')).rejects.toThrow('old_string must be at least 1 character long')
    for (const [file_path, problem] of [
      ['none.txt', 'there is no file none.txt; Write makes one'],
      ['none/none.txt', 'there is no file none/none.txt'],
      ['.', '. is a directory'],
      ['../a.txt', 'outside'],
      ['x.env', 'protected'],
    ] as const) {
      await expect(carryOut(tool(), argsOf('a', 'b', { file_path }))).rejects.toThrow(problem)
    }
  })

  it('shows the diff', async () => {
    await writeFile(at('a.txt'), 'a\r\nb\r\nc')
    expect(await callOf(tool(), argsOf('c', 'd\n')).prepare()).toBe(
      'Edit a.txt\n--- a.txt\n+++ a.txt\n@@ -1,3 +1,3 @@\n a\n b\n-c\n\\ No newline at end of file\n+d',
    )
    expect(await callOf(tool(), argsOf('\r\n', '\n', { replace_all: true })).prepare()).toMatch(
      /^Edit a\.txt in 2 places\n/,
    )
    expect(await readFile(at('a.txt'), 'utf8')).toBe('a\r\nb\r\nc')
  })

  it('does only what was approved: the change that was shown, wherever it has moved to', async () => {
    const text = Array.from({ length: 20 }, (_, index) => `line ${index}\n`).join('')
    await writeFile(at('a.txt'), text)
    const call = callOf(tool(), argsOf('line 12', 'LINE'))
    await call.prepare()
    await writeFile(at('a.txt'), text.replace('line 11', 'other'))
    await expect(call.run()).rejects.toThrow('a.txt is no longer what was shown for approval')
    await writeFile(at('a.txt'), `first\n${text}`)
    await call.run()
    expect(await readFile(at('a.txt'), 'utf8')).toBe(`first\n${text.replace('line 12', 'LINE')}`)
  })

  it('does not edit another file that its name leads to by now', async () => {
    await writeFile(at('one.txt'), 'text')
    await writeFile(at('two.txt'), 'text')
    await symlink('one.txt', at('a.txt'))
    const call = callOf(tool(), argsOf('text', 'new'))
    await call.prepare()
    await symlink('two.txt', at('b.txt'))
    await rename(at('b.txt'), at('a.txt'))
    await expect(call.run()).rejects.toThrow('no longer what was shown')
    expect(await readFile(at('two.txt'), 'utf8')).toBe('text')
  })

  it('loses no edit of many at the same time', async () => {
    const names = Array.from({ length: 20 }, (_, index) => `<${index}>`)
    await writeFile(at('a.txt'), names.join('\n\n\n\n\n\n\n\n'))
    await Promise.all(names.map((name) => carryOut(tool(), argsOf(name, `done ${name}`))))
    expect(await readFile(at('a.txt'), 'utf8')).toBe(names.map((name) => `done ${name}`).join('\n\n\n\n\n\n\n\n'))
  })
})

describe('any edit', () => {
  const piece = fc.constantFrom('a', 'b', 'ab', '\n', '\r\n', '\r', ' ', '$&', 'é', 'e\u0301', '😀', '\ufeff', '\t')
  const text = fc.array(piece, { maxLength: 30 }).map((parts) => parts.join(''))
  const plainText = text.map((value) => value.replaceAll('\r', ''))
  /** A text and a part of it, so that there is something to find. */
  const withPart = (whole: fc.Arbitrary<string>) =>
    fc
      .tuple(whole, fc.nat(30), fc.integer({ min: 1, max: 6 }), whole, fc.boolean())
      .map(([value, from, length, now, all]) => {
        const characters = [...value]
        return {
          before: value,
          old: characters
            .slice(from % Math.max(1, characters.length))
            .slice(0, length)
            .join(''),
          now,
          all,
        }
      })

  it('gives what replacing the bytes gives, or refuses', async () => {
    await fc.assert(
      fc.property(withPart(text), ({ before, old, now, all }) => {
        fc.pre(old !== '' && old !== now && !isAllCrlf(before))
        const places = indexesOf(Buffer.from(before), Buffer.from(old), all)
        const edit = () => replaceText(before, { oldText: old, newText: now, all }, 'f').text
        if (places.length === 1 || all) expect(Buffer.from(edit())).toEqual(spliced(before, old, now, places))
        else expect(edit).toThrow('times in f')
      }),
      { numRuns: 3_000 },
    )
  })

  it('of a file with CRLF gives what it gives with LF, with CRLF', async () => {
    await fc.assert(
      fc.property(withPart(plainText), ({ before, old, now, all }) => {
        fc.pre(old !== '' && old !== now && before.includes('\n'))
        const edit = (value: string) => outcome(() => replaceText(value, { oldText: old, newText: now, all }, 'f').text)
        const crlf = (value: string) => value.split('\n').join('\r\n')
        expect(JSON.stringify(edit(crlf(before)))).toBe(JSON.stringify(crlf(edit(before))))
      }),
      { numRuns: 3_000 },
    )
  })

  it('leaves every byte of a file outside the match as it was', async () => {
    await fc.assert(
      fc.asyncProperty(text, text, text, async (head, tail, now) => {
        fc.pre(now !== '<old>' && !isAllCrlf(`${head}${tail}`))
        expect(Buffer.from(await edited(`${head}<old>${tail}`, '<old>', now))).toEqual(
          Buffer.from(`${head}${now}${tail}`),
        )
      }),
      { numRuns: 40 },
    )
  })
})

function isAllCrlf(text: string): boolean {
  return text.includes('\r\n') && !text.replaceAll('\r\n', '').includes('\n')
}

/** Where the bytes are: all that do not overlap, or every single one. */
function indexesOf(bytes: Buffer, part: Buffer, apart: boolean): number[] {
  const found: number[] = []
  for (let at = 0; at + part.length <= bytes.length; at += 1) {
    const end = (found.at(-1) ?? Number.NEGATIVE_INFINITY) + part.length
    if (bytes.subarray(at, at + part.length).equals(part) && (!apart || at >= end)) found.push(at)
  }
  return found
}

function spliced(before: string, old: string, now: string, places: readonly number[]): Buffer {
  const bytes = Buffer.from(before)
  let end = 0
  const parts = places.flatMap((at) => {
    const part = [bytes.subarray(end, at), Buffer.from(now)]
    end = at + Buffer.byteLength(old)
    return part
  })
  return Buffer.concat([...parts, bytes.subarray(end)])
}

function outcome(work: () => string): string {
  try {
    return work()
  } catch (error) {
    return (error as Error).message
  }
}
