import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/** Ignores what the program writes and lets git see what people edit. */
export const GITIGNORE = `# Written by infer: only the files that people edit are worth a commit.
*
!.gitignore
!config.yaml
!prompts.yaml
!channels.yaml
!agents.yaml
!keybindings.yaml
!keybindings.json
!shortcuts/
!shortcuts/*.yaml
`

/**
 * Makes a directory (mode 0700) and those above it. Whoever creates an `.infer` also puts the `.gitignore` there; what
 * exists is left alone. Returns whether anything was created.
 */
export function ensureDirectory(directory: string): boolean {
  const first = makeAll(directory)
  if (first === undefined) return false
  const created = [directory]
  for (let above = directory; above !== first; ) {
    above = join(above, '..')
    created.push(above)
  }
  for (const made of created.filter((one) => basename(one) === '.infer')) {
    try {
      writeFileSync(join(made, '.gitignore'), GITIGNORE, { flag: 'wx', mode: 0o600 })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
  return true
}

/** On a read-only file system Node says ENOENT of a recursive mkdir; the first directory that is missing tells why. */
function makeAll(directory: string): string | undefined {
  try {
    return mkdirSync(directory, { recursive: true, mode: 0o700 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    let missing = directory
    while (!existsSync(dirname(missing))) missing = dirname(missing)
    mkdirSync(missing, { mode: 0o700 })
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    return missing
  }
}
