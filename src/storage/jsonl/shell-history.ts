import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import type { ShellHistoryStorage } from '#storage/contract/shell-history.ts'
import { checkText } from '#storage/rules/check.ts'
import { FileEnd } from './file-end.ts'
import { codeOf, ioError, isMissing, statOf } from './io-error.ts'
import { makeDirectory, writeAll } from './replace-file.ts'

/**
 * Lines typed into the chat, one command a line. A line break inside a command is written `\n`; a backslash is doubled
 * where it stands before `n`, a backslash or a line break, so other lines look as they were typed. Each command is one
 * write to the end of the file. Where newer Go releases made `.infer/history` a directory, it is `history` in there.
 */
export class FileShellHistory implements ShellHistoryStorage {
  readonly #path: string
  /** A line break that this process wrote, at the end of the file. */
  #end: FileEnd | undefined

  constructor(path: string) {
    this.#path = path
  }

  get location(): string {
    return statOf(this.#path)?.isDirectory() ? join(this.#path, 'history') : this.#path
  }

  async append(command: string): Promise<void> {
    await this.appendAll([command])
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
    let path = this.#path
    try {
      let fd: number
      try {
        fd = openEnd(path)
      } catch (error) {
        if (codeOf(error) !== 'EISDIR') throw error
        path = join(path, 'history')
        fd = openEnd(path)
      }
      try {
        const size = this.#end?.isEndOf(fd) ? this.#end.size : undefined
        this.#end = undefined
        const from = size ?? fstatSync(fd).size
        const torn = size === undefined && isTorn(fd, from)
        const written = writeAll(fd, `${torn ? '\n' : ''}${historyText(commands)}`)
        this.#end = new FileEnd(from + written, LINE_BREAK)
      } finally {
        closeSync(fd)
      }
    } catch (error) {
      throw ioError(error, path, 'write')
    }
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

const LINE_BREAK = Buffer.from('\n')
const LAST = Buffer.alloc(1)

/** Whether the last line lacks its line break, because its writer was killed. */
function isTorn(fd: number, size: number): boolean {
  return size > 0 && readSync(fd, LAST, 0, 1, size - 1) === 1 && LAST[0] !== 10
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
