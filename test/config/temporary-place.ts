import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach } from 'vitest'
import type { Environment } from '#config/paths.ts'

const made: string[] = []
afterEach(() => {
  for (const directory of made.splice(0)) rmSync(directory, { recursive: true, force: true })
})

/** A working directory and a home that vanish after the test; files are named `project/…` (./.infer) or `user/…`. */
export function temporaryPlace(files: Record<string, string> = {}, env: Environment = {}) {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'infer-config-')))
  made.push(root)
  const cwd = join(root, 'work')
  const home = join(root, 'home')
  const pathOf = (name: string) =>
    name.startsWith('project/') ? join(cwd, '.infer', name.slice(8)) : join(home, '.infer', name.slice(5))
  const write = (name: string, text: string) => {
    mkdirSync(dirname(pathOf(name)), { recursive: true })
    writeFileSync(pathOf(name), text)
  }
  for (const directory of [cwd, home]) mkdirSync(directory)
  for (const [name, text] of Object.entries(files)) write(name, text)
  return { cwd, home, env, pathOf, write, read: (name: string) => readFileSync(pathOf(name), 'utf8') }
}

/** The error of a promise that must fail. */
export async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}
