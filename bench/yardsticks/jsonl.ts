import { closeSync, fdatasyncSync, fsyncSync, globSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { PlaceOptions } from '../places.ts'
import { job } from '../samples.ts'
import { CONVERSATION, TEMPLATE, type Yardstick } from './yardstick.ts'

/**
 * Plain calls of `node:fs`, the blocking ones, which are the fastest.
 *
 * - append: open, write an entry line and a metadata line at the end, fdatasync, close
 * - createJob: a whole file for the definition and one for the state, each: open a new temporary file, write, fsync,
 *   close, rename, fsync the directory
 * - changeJob: the same for the definition alone
 * - addCommand: open, write a line at the end, close; history survives a `kill -9`, not a power loss
 */
export function jsonlYardstick(options: PlaceOptions['jsonl']): Yardstick {
  const conversation = join(options.conversationsDir, `${CONVERSATION}.jsonl`)
  const lines = readFileSync(conversation, 'utf8').trimEnd().split('\n').slice(-2)
  const appended = lines.map((line) => `${line}\n`).join('')
  const definition = readFileSync(join(options.schedulesDir, `${TEMPLATE}.yaml`), 'utf8')
  const [statePath] = globSync(join(options.runsDir, 'states', '*', `${TEMPLATE}@1`))
  if (statePath === undefined) throw new Error('the state of the template is not where the yardstick looks for it')
  const state = readFileSync(statePath, 'utf8')
  return {
    async append() {
      atEnd(conversation, appended, fdatasyncSync)
    },
    async createJob(id) {
      whole(join(dirname(statePath), `${id}@1`), state)
      whole(join(options.schedulesDir, `${id}.yaml`), definition.replaceAll(TEMPLATE, id))
    },
    async changeJob(id, prompt) {
      const changed = definition.replaceAll(TEMPLATE, id).replace(job(id).prompt, prompt)
      whole(join(options.schedulesDir, `${id}.yaml`), changed)
    },
    async addCommand(command) {
      atEnd(options.historyFile, `${command}\n`)
    },
    async [Symbol.asyncDispose]() {},
  }
}

function atEnd(path: string, text: string, sync?: (fd: number) => void): void {
  const fd = openSync(path, 'a', 0o600)
  writeSync(fd, text)
  sync?.(fd)
  closeSync(fd)
}

function whole(path: string, text: string): void {
  const temporary = `${path}.tmp`
  const fd = openSync(temporary, 'wx', 0o600)
  writeSync(fd, text)
  fsyncSync(fd)
  closeSync(fd)
  renameSync(temporary, path)
  const directory = openSync(dirname(path), 'r')
  fsyncSync(directory)
  closeSync(directory)
}
