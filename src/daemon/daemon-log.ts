import { appendFileSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { ensureDirectory } from '#infer-dir.ts'
import type { Log, LogFields } from '#log.ts'
import { visible } from '#terminal/escapes.ts'

/** Size at which the file is put aside as `.1`, in bytes. */
const MAX_BYTES = 10 * 1024 * 1024

type Level = 'debug' | 'info' | 'warn' | 'error'

export interface DaemonLogOptions {
  /** Directory of the log file; created if missing. */
  readonly directory: string
  readonly debug: boolean
  readonly stream: { write(text: string): unknown; isTTY?: boolean }
}

/**
 * The log of the daemon: readable lines on a terminal and JSON lines otherwise, and JSON lines in `daemon.log`. Where no
 * file can be written the stream gets everything, and says so once.
 */
export function createDaemonLog({ directory, debug, stream }: DaemonLogOptions): Log {
  const readable = stream.isTTY === true
  const file = openFile(directory)
  const log =
    (level: Level) =>
    (message: string, fields: LogFields = {}) => {
      if (level === 'debug' && !debug) return
      const time = new Date().toISOString()
      const own = { time, level, message }
      const line = `${JSON.stringify({ ...own, ...fields, ...own })}\n`
      stream.write(readable ? readableLine(time, level, message, fields) : line)
      file?.append(line)
    }
  const made: Log = { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') }
  if (!file) made.warn(`no log file can be written in ${directory}, the log goes to stderr only`)
  return made
}

function readableLine(time: string, level: Level, message: string, fields: LogFields): string {
  const details = Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]))
  return `${time.slice(11, 19)} ${level.padEnd(5)} ${visible([message, ...details].join(' '))}\n`
}

function openFile(directory: string): { append(line: string): void } | undefined {
  const path = join(directory, 'daemon.log')
  const append = (line: string) => {
    try {
      if (sizeOf(path) > MAX_BYTES) renameSync(path, `${path}.1`)
      appendFileSync(path, line, { mode: 0o600 })
    } catch {
      // A full disk must not stop the daemon; stderr has the line.
    }
  }
  try {
    ensureDirectory(directory)
    appendFileSync(path, '', { mode: 0o600 })
    return { append }
  } catch {
    return undefined
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}
