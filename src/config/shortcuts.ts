import { join } from 'node:path'
import { places, type Surroundings } from './paths.ts'
import { asRecord, isTexts } from './plain-values.ts'
import { openYaml, readText, yamlNamesIn } from './yaml-file.ts'

/** A slash command of the user's own, from `shortcuts/*.yaml`. */
export interface Shortcut {
  readonly name: string
  readonly description: string
  readonly command: string
  readonly args: readonly string[]
  /** Whether the id of the session is the last argument. */
  readonly passSessionId: boolean
}

/** `shortcuts/*.yaml` of the user, over them those of the project. Shortcuts to tools that are not ours are left out. */
export async function loadShortcuts(
  surroundings: Pick<Surroundings, 'cwd' | 'home'>,
): Promise<{ shortcuts: readonly Shortcut[]; warnings: readonly string[] }> {
  const { userDir, projectDir } = places(surroundings)
  const found = new Map<string, Shortcut>()
  const warnings: string[] = []
  for (const directory of new Set([userDir, projectDir])) {
    for (const name of yamlNamesIn(join(directory, 'shortcuts'))) {
      const file = join(directory, 'shortcuts', name)
      try {
        const source = await openYaml(file, readText(file) ?? '')
        const list = asRecord(source.value)?.shortcuts ?? []
        if (!Array.isArray(list)) warnings.push(`${source.at(['shortcuts'])}: shortcuts must be a list`)
        for (const [index, item] of (Array.isArray(list) ? list : []).entries()) {
          const shortcut = shortcutOf(item)
          if (shortcut) found.set(shortcut.name, shortcut)
          else if (asRecord(item)?.tool === undefined) {
            const at = source.at(['shortcuts', String(index)])
            warnings.push(`${at}: a shortcut needs a name without blanks and a command`)
          }
        }
      } catch (error) {
        warnings.push((error as Error).message)
      }
    }
  }
  return { shortcuts: [...found.values()], warnings }
}

function shortcutOf(value: unknown): Shortcut | undefined {
  const { name, description, command, args = [], pass_session_id: passSessionId } = asRecord(value) ?? {}
  if (typeof name !== 'string' || !/^\S+$/.test(name) || typeof command !== 'string' || command === '') return undefined
  if (!isTexts(args)) return undefined
  return {
    name,
    command,
    args,
    description: typeof description === 'string' ? description : '',
    passSessionId: passSessionId === true,
  }
}
