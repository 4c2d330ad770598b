import { spawn } from 'node:child_process'
import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { delimiter, isAbsolute, join } from 'node:path'
import { text as textOf } from 'node:stream/consumers'
import { ToolError } from '#agent/tool.ts'
import type { FileMatches, SearchOptions } from './engine.ts'
import type { SearchPattern } from './pattern.ts'
import { searchText } from './search-text.ts'

/** ripgrep did not take the pattern or an option; whoever asked may search by other means. */
export class RipgrepUnusable extends Error {
  override readonly name = 'RipgrepUnusable'
}

/** Where `rg` is in a PATH; parts relative to the working directory do not count: anybody may have written there. */
export async function findRipgrep(searchPath: string | undefined): Promise<string | undefined> {
  for (const directory of (searchPath ?? '').split(delimiter).filter(isAbsolute)) {
    const program = join(directory, 'rg')
    const found = await access(program, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (found) return program
  }
  return undefined
}

/** Bytes of names that one process is given; Linux allows 2 MiB with the environment, macOS 1 MiB. */
const MAX_NAMES = 100_000

/**
 * Searches with ripgrep. It is given exactly the files that were found to be open, so it follows no link, reads no
 * ignore file and no configuration, and starts no other program.
 *
 * Throws RipgrepUnusable when it cannot be run or does not take the pattern.
 */
export async function* searchWithRipgrep(program: string, options: SearchOptions): AsyncIterable<FileMatches> {
  const { signal, timeLimitMs, maxBytes } = options
  const late = AbortSignal.timeout(timeLimitMs)
  const stop = AbortSignal.any([signal, late])
  let keep = options.keep
  try {
    for (const files of portions(options.files)) {
      const found = new Map<string, { lines: number[]; total: number }>()
      for await (const { path, line } of outputLines(program, options.pattern, files, options.keep === 0, stop)) {
        const one = found.get(path) ?? { lines: [], total: 0 }
        found.set(path, one)
        one.total += 1
        if (one.lines.length < keep) one.lines.push(line)
      }
      for (const path of files) {
        const one = found.get(path)
        if (one === undefined || (await searchText(path, maxBytes)) === undefined) continue
        yield { path, lines: one.lines.slice(0, keep), total: one.total }
        keep = Math.max(0, keep - one.lines.length)
      }
    }
  } catch (error) {
    signal.throwIfAborted()
    if (!late.aborted) throw error
    throw new ToolError(`the search was given up after ${timeLimitMs / 1000} s: narrow path, glob or type`)
  }
}

function* portions(files: readonly string[]): Iterable<string[]> {
  let portion: string[] = []
  let length = 0
  for (const file of files) {
    const bytes = Buffer.byteLength(file) + 1
    if (length + bytes > MAX_NAMES && portion.length > 0) {
      yield portion
      portion = []
      length = 0
    }
    portion.push(file)
    length += bytes
  }
  if (portion.length > 0) yield portion
}

const FLAGS = [
  '--no-config',
  '--no-ignore',
  '--no-messages',
  '--color=never',
  '--no-heading',
  '--with-filename',
  '--null',
  '--line-number',
  '--no-column',
  '--no-context-separator',
  // Whether a file is binary is decided in one place for both engines.
  '--text',
  '--engine=default',
]

/** The lines with a match, as file and number. */
async function* outputLines(
  program: string,
  { rust, multiline }: SearchPattern,
  files: readonly string[],
  firstOnly: boolean,
  signal: AbortSignal,
): AsyncIterable<{ path: string; line: number }> {
  const multi = multiline ? ['--multiline'] : []
  const once = firstOnly ? ['--max-count=1'] : []
  const child = spawn(program, [...FLAGS, ...multi, ...once, `--regexp=${rust}`, '--', ...files], {
    env: {},
    cwd: '/',
    stdio: ['ignore', 'pipe', 'pipe'],
    signal,
    killSignal: 'SIGKILL',
  })
  const ended = new Promise<{ code: number | null; error?: Error }>((resolve) => {
    child.once('error', (error) => resolve({ code: null, error }))
    child.once('close', (code) => resolve({ code }))
  })
  const problem = textOf(child.stderr).catch(() => '')
  try {
    yield* recordsOf(child.stdout)
    const { code, error } = await ended
    signal.throwIfAborted()
    const words = (await problem).trim()
    if (error !== undefined || code === null || code > 2 || (code === 2 && words !== '')) {
      throw new RipgrepUnusable(`ripgrep failed (${code ?? 'not run'})`, { cause: error ?? words })
    }
  } finally {
    child.kill('SIGKILL')
    await ended
  }
}

/** Longest name with its line number; a record that is longer is not one of ours. */
const MAX_HEAD = 8_192

/** Reads `PATH NUL NUMBER : TEXT LF`; the texts are passed over. */
async function* recordsOf(output: AsyncIterable<Buffer>): AsyncIterable<{ path: string; line: number }> {
  let head: Buffer = Buffer.alloc(0)
  let inText = false
  for await (const chunk of output) {
    let at = 0
    while (at < chunk.length) {
      const end = chunk.indexOf(inText ? 10 : 58, at)
      const to = end < 0 ? chunk.length : end
      if (!inText) head = Buffer.concat([head, chunk.subarray(at, to)])
      if (head.length > MAX_HEAD) throw new RipgrepUnusable('ripgrep printed something unexpected')
      if (end < 0) break
      at = end + 1
      if (inText) inText = false
      else {
        const nul = head.indexOf(0)
        // A colon of the name, before the NUL.
        if (nul < 0) head = Buffer.concat([head, Buffer.from(':')])
        else {
          yield { path: head.toString('utf8', 0, nul), line: Number(head.toString('latin1', nul + 1)) }
          head = Buffer.alloc(0)
          inText = true
        }
      }
    }
  }
}
