import { execFileSync } from 'node:child_process'
import { existsSync, globSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Debian packages of what the tests run. */
const PACKAGES = ['postgresql', 'redis-server', 'tmux']

/** Absolute path of a program. Installs the packages first when it is missing and we are root on Debian. */
export function findBinary(name: string): string {
  const found = lookUpBinary(name)
  if (found !== undefined) return found
  if (process.getuid?.() === 0 && existsSync('/etc/debian_version')) {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    execFileSync('apt-get', ['update', '-q'], { stdio: ['ignore', 2, 2], env })
    execFileSync('apt-get', ['install', '-q', '-y', '--no-install-recommends', ...PACKAGES], {
      stdio: ['ignore', 2, 2],
      env,
    })
    const installed = lookUpBinary(name)
    if (installed !== undefined) return installed
  }
  throw new Error(
    `${name} was not found: install ${PACKAGES.join(', ')} (Debian: apt-get install -y ...) and try again`,
  )
}

/** Absolute path of a program in PATH or in a folder of PostgreSQL. */
export function lookUpBinary(name: string): string | undefined {
  const postgres = globSync('/usr/lib/postgresql/*/bin').sort().reverse()
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...postgres]
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path))
}
