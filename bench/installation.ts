import { cpSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { bundle } from '../scripts/bundle.ts'

const ROOT = join(import.meta.dirname, '..')

/** Bundles the sources as they are and puts the package into a directory, as an installation would; its program. */
export async function install(directory: string): Promise<string> {
  mkdirSync(directory, { recursive: true })
  for (const name of ['package.json', 'bin']) cpSync(join(ROOT, name), join(directory, name), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules'), join(directory, 'node_modules'))
  await bundle(join(directory, 'dist'))
  return join(directory, 'bin', 'run.cjs')
}
