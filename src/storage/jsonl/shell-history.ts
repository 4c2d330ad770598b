import { closeSync, fstatSync, futimesSync, openSync, readFileSync, readSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import type { ShellHistoryStorage } from '#storage/contract/shell-history.ts'
import { checkText } from '#storage/rules/check.ts'
import { codeOf, ioError, isMissing, statOf } from './io-error.ts'
import { makeDirectory, writeAll } from './replace-file.ts'

interface OpenFile {
  readonly path: string
  readonly fd: number
  readonly ino: number
  readonly dev: number
  /** As it was last seen or left, in bytes. */
  size: number
  /** Whether its last line lacks the line break, because its writer was killed or had no room. */
  isTorn: boolean
}

/**
 * Lines typed into the chat, one command a line. A line break inside a command is written `\n`; a backslash is doubled
 * where it stands before `n`, a backslash or a line break, so other lines look as they were typed. Each command is one
 * write to the end of the file. Where newer Go releases made `.infer/history` a directory, it is `history` in there.
 */
export class FileShellHistory implements ShellHistoryStorage, Disposable {
  readonly #path: string
  /** Open from the first command on: opening and closing takes longer than writing. */
  #file: OpenFile | undefined

  constructor(path: string) {
    this.#path = path
  }

  get location(): string {
    return statOf(this.#path)?.isDirectory() ? join(this.#path, 'history') : this.#path
  }

  async append(command: string): Promise<void> {
    checkText('jsonl', 'command', command)
    this.#write(`${encode(command)}\n`)
  }

  async appendAll(commands: readonly string[]): Promise<void> {
    for (const command of commands) checkText('jsonl', 'command', command)
    if (commands.length > 0) this.addLines(commands)
  }

  async load(limit: number): Promise<string[]> {
    await turn()
    const lines = this.text().split('\n')
    if (lines.at(-1) === '') lines.pop()
    return (limit > 0 ? lines.slice(-limit) : lines).map(commandOf)
  }

  /** Adds commands with one write, so that they stand together. */
  addLines(commands: readonly string[]): void {
    this.#write(historyText(commands))
  }

  #write(text: string): void {
    try {
      const file = this.#current() ?? this.#reopen()
      const { size } = file
      // Until the write is done, where the file ends is not known.
      file.size = -1
      const written = writeAll(file.fd, file.isTorn ? `\n${text}` : text)
      file.size = size + written
      file.isTorn = false
    } catch (error) {
      throw ioError(error, this.#file?.path ?? this.#path, 'write')
    }
  }

  /** The open file, while it has its place. That others wrote to it, or cut it, shows in its size. */
  #current(): OpenFile | undefined {
    const file = this.#file
    const stats = file && statSync(file.path, { throwIfNoEntry: false })
    if (!file || stats?.ino !== file.ino || stats.dev !== file.dev) return undefined
    if (stats.size !== file.size) {
      Object.assign(file, endOf(file.fd))
    }
    return file
  }

  #reopen(): OpenFile {
    this[Symbol.dispose]()
    let path = this.#path
    let fd: number
    try {
      fd = openEnd(path)
    } catch (error) {
      if (codeOf(error) !== 'EISDIR') throw error
      path = join(path, 'history')
      fd = openEnd(path)
    }
    const { ino, dev } = fstatSync(fd)
    this.#file = { path, fd, ino, dev, ...endOf(fd) }
    return this.#file
  }

  [Symbol.dispose](): void {
    if (this.#file) closeSync(this.#file.fd)
    this.#file = undefined
  }

  /** The file as it is; empty when there is none. */
  text(): string {
    const path = this.location
    try {
      return readFileSync(path, 'utf8')
    } catch (error) {
      if (isMissing(error)) return ''
      throw ioError(error, path, 'read')
    }
  }
}

function openEnd(path: string): number {
  try {
    return openSync(path, 'a+', 0o600)
  } catch (error) {
    if (!isMissing(error)) throw error
    makeDirectory(dirname(path))
    return openSync(path, 'a+', 0o600)
  }
}

const LAST = Buffer.alloc(1)

function endOf(fd: number): Pick<OpenFile, 'size' | 'isTorn'> {
  for (;;) {
    const { size } = fstatSync(fd)
    if (size === 0 || readSync(fd, LAST, 0, 1, size - 1) !== 1 || LAST[0] === 10) return { size, isTorn: false }
    awaitWriter(fd)
    if (fstatSync(fd).size === size) return { size, isTorn: true }
  }
}

/** Another process may be in the middle of a line; the kernel sets the times of a file only after such a write. */
function awaitWriter(fd: number): void {
  const now = new Date()
  try {
    futimesSync(fd, now, now)
  } catch {
    // Only the owner may.
  }
}

/** The lines of these commands. */
export function historyText(commands: readonly string[]): string {
  return commands.map((command) => `${encode(command)}\n`).join('')
}

function encode(command: string): string {
  if (!/[\n\\]/.test(command)) return command
  return command.replaceAll(/\\(?=[n\\\n])/g, '\\\\').replaceAll('\n', '\\n')
}

/** The command that a line of the file holds. */
export function commandOf(line: string): string {
  return line.replaceAll(/\\([n\\])/g, (_, char: string) => (char === 'n' ? '\n' : '\\'))
}
