import { join } from 'node:path'
import { places, type Surroundings } from './paths.ts'
import { asRecord, isTexts } from './plain-values.ts'
import { openYaml, readText } from './yaml-file.ts'

/** Keys by the action that they are for; see chat/input/keymap.ts. */
export type GivenKeys = Readonly<Record<string, readonly string[]>>

/**
 * `keybindings.yaml` or `keybindings.json` of the user, over it that of the project. An action that is switched off has
 * no keys. What is wrong is a warning with its place, and the binding is left out: a chat starts whatever its keys say.
 */
export async function loadKeybindings(
  surroundings: Pick<Surroundings, 'cwd' | 'home'>,
): Promise<{ bindings: GivenKeys; warnings: readonly string[] }> {
  const { userDir, projectDir } = places(surroundings)
  const bindings: Record<string, readonly string[]> = {}
  const warnings: string[] = []
  for (const directory of new Set([userDir, projectDir])) {
    for (const name of ['keybindings.yaml', 'keybindings.json']) {
      const read = await readBindings(join(directory, name))
      Object.assign(bindings, read.bindings)
      warnings.push(...read.warnings)
    }
  }
  return { bindings, warnings }
}

async function readBindings(file: string): Promise<{ bindings: GivenKeys; warnings: readonly string[] }> {
  const bindings: Record<string, readonly string[]> = {}
  const warnings: string[] = []
  try {
    const text = readText(file)
    if (text === undefined) return { bindings, warnings }
    // JSON is YAML, so that one reader does for both.
    const source = await openYaml(file, text)
    const root = asRecord(source.value)
    if (root?.enabled === false) return { bindings, warnings }
    for (const [action, given] of Object.entries(asRecord(root?.bindings) ?? {})) {
      const binding = asRecord(given)
      const keys = binding?.keys
      if (binding?.enabled === false) bindings[action] = []
      else if (isTexts(keys)) bindings[action] = keys
      else if (keys !== undefined || binding === undefined) {
        warnings.push(`${source.at(['bindings', action])}: keys must be a list of keys, such as [ctrl+r]`)
      }
    }
  } catch (error) {
    warnings.push((error as Error).message)
  }
  return { bindings, warnings }
}
