import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type Arbitrary,
  array,
  assert,
  asyncProperty,
  boolean,
  constant,
  constantFrom,
  record,
  string,
  tuple,
} from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { FileMatches, SearchOptions } from '#agent/search/engine.ts'
import { searchInProcess } from '#agent/search/in-process.ts'
import { lineMatcher } from '#agent/search/match-lines.ts'
import { parsePattern, type SearchPattern } from '#agent/search/pattern.ts'
import { findRipgrep, searchWithRipgrep } from '#agent/search/ripgrep.ts'
import { newDirectory } from '../tools/in-directory.ts'

const ripgrep = await findRipgrep(process.env.PATH)
let directory: Awaited<ReturnType<typeof newDirectory>>
beforeAll(async () => {
  directory = await newDirectory()
})
afterAll(() => directory[Symbol.asyncDispose]())

async function withFiles<T>(texts: readonly string[], use: (files: string[]) => Promise<T>): Promise<T> {
  const files = texts.map((_, index) => join(directory.path, `f${index}.txt`))
  await Promise.all(files.map((file, index) => writeFile(file, texts[index] ?? '')))
  try {
    return await use(files)
  } finally {
    await Promise.all(files.map((file) => rm(file)))
  }
}

function options(pattern: SearchPattern, files: readonly string[], keep: number): SearchOptions {
  return { pattern, files, keep, maxBytes: 1e6, timeLimitMs: 20_000, signal: new AbortController().signal }
}

async function collect(found: AsyncIterable<FileMatches>): Promise<FileMatches[]> {
  const all: FileMatches[] = []
  for await (const one of found) all.push(one)
  return all
}

const text = string({ unit: constantFrom('a', 'b', 'B', ' ', '\n', '\r\n', '\r', 'é', '😀', '_', '1'), maxLength: 20 })
const piece = constantFrom('a', 'b', 'B', '.', '\\w', '\\W', '\\s', '\\d', '[^a]', '[ab]', 'é', '(a|b)')
const quantifier = constantFrom('', '', '*', '+', '?', '{2}', '*?')
const between = constantFrom('', '', '|', '(?i)')
const orEdge = constantFrom('', '', '|', '(?i)', '\\b', '^', '$')
const joined = (before: Arbitrary<string>) =>
  array(tuple(before, piece, quantifier), { minLength: 1, maxLength: 5 }).map((all) => all.flat().join(''))
// Across lines ripgrep goes on behind a match as if the text began there, so edges are found where there are none.
const search = boolean().chain((multiline) =>
  record({ multiline: constant(multiline), given: joined(multiline ? between : orEdge), ignoreCase: boolean() }),
)

describe('the engines of a search', () => {
  it('find in the process what a look at each line finds', async () => {
    await assert(
      asyncProperty(array(text, { maxLength: 3 }), constantFrom('a', 'ab', '', ' ', 'é'), async (texts, needle) => {
        const pattern = parsePattern(needle, { ignoreCase: false, multiline: false })
        const found = await withFiles(texts, (files) => collect(searchInProcess(options(pattern, files, 1_000))))
        const expected = texts.flatMap((one, index) => {
          const lines = one.split('\n')
          if (lines.at(-1) === '') lines.pop()
          const numbers = lines.flatMap((line, at) => (line.includes(needle) ? [at + 1] : []))
          const path = join(directory.path, `f${index}.txt`)
          return numbers.length === 0 ? [] : [{ path, lines: numbers, total: numbers.length }]
        })
        expect(found).toEqual(expected)
      }),
      { numRuns: 25 },
    )
  })

  it('find the same lines', async (context) => {
    if (ripgrep === undefined) return context.skip('ripgrep is not installed')
    await assert(
      asyncProperty(
        array(text, { minLength: 4, maxLength: 12 }),
        search,
        async (texts, { given, ignoreCase, multiline }) => {
          const pattern = parsePattern(given, { ignoreCase, multiline })
          const match = lineMatcher(pattern.source, pattern.flags, multiline)
          await withFiles(texts, async (files) => {
            const found = await collect(searchWithRipgrep(ripgrep, options(pattern, files, 1_000)))
            const expected = files
              .map((path, index) => ({ path, ...match({ text: texts[index] ?? '', keep: 1_000 }) }))
              .filter(({ total }) => total > 0)
            expect(found).toEqual(expected)
          })
        },
      ),
      { numRuns: 60 },
    )
  })

  it('keep as many line numbers as asked for, of all files together', async (context) => {
    const pattern = parsePattern('a', { ignoreCase: false, multiline: false })
    const expected = [
      [[1, 2], 2],
      [[1], 3],
      [[], 1],
    ]
    await withFiles(['a\na', 'a\na\na', 'a'], async (files) => {
      const shape = (found: FileMatches[]) => found.map(({ lines, total }) => [lines, total])
      expect(shape(await collect(searchInProcess(options(pattern, files, 3))))).toEqual(expected)
      if (ripgrep === undefined) return context.skip('ripgrep is not installed')
      expect(shape(await collect(searchWithRipgrep(ripgrep, options(pattern, files, 3))))).toEqual(expected)
    })
  })

  it('give ripgrep more files than one command line takes', async (context) => {
    if (ripgrep === undefined) return context.skip('ripgrep is not installed')
    const pattern = parsePattern('needle', { ignoreCase: false, multiline: false })
    const texts = Array.from({ length: 2_500 }, (_, index) => (index % 1_000 === 999 ? 'needle' : 'hay'))
    const found = await withFiles(texts, (files) => collect(searchWithRipgrep(ripgrep, options(pattern, files, 0))))
    expect(found.map(({ path }) => path.slice(directory.path.length + 1))).toEqual(['f999.txt', 'f1999.txt'])
  })
})
