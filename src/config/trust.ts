import { readFileSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { InferError } from '#errors.ts'
import { covers } from './go-keys.ts'
import { type Environment, places, type Surroundings } from './paths.ts'
import { flagOf } from './read-value.ts'
import { SHORTCUT } from './seed-text.ts'
import { makeDirectory, writeWholeFile } from './write-file.ts'
import { readText, yamlNamesIn } from './yaml-file.ts'

/** Settings with which a cloned repository could redirect the gateway or the storage, or switch approvals off. */
const TRUSTED_KEYS: readonly string[] = [
  'gateway.url',
  'gateway.api_key',
  'storage',
  'tools.sandbox',
  'tools.safety',
  'tools.bash',
  'tools.web_fetch',
  'tools.*.require_approval',
  'tools.schedule.run_mode',
  'tools.schedule.storage_dir',
]

/** Keys that the sentence names before it only counts. */
const NAMED = 6

/** A file of the project that nobody has agreed to, with what in it needs an agreement. */
export interface UntrustedFile {
  readonly file: string
  readonly keys: readonly string[]
  /** Of the content that was read: that is what `recordTrust` records, whatever the file has become since. */
  readonly sha256: () => string
}

export interface Trust {
  readonly untrusted: readonly UntrustedFile[]
  /** For stderr; undefined when there is nothing to say. */
  readonly sentence: string | undefined
}

/** A file of the project as it was read; `keys` is asked only when the file is not trusted. */
export interface ProjectFile {
  readonly file: string
  readonly content: string
  readonly keys: () => Promise<readonly string[]> | readonly string[]
}

/** The given settings of `config.yaml` that need trust. */
export const keysThatNeedTrust = (given: readonly string[]): string[] =>
  given.filter((key) => covers(TRUSTED_KEYS, key.split('.')))

/**
 * The shortcuts of a project as one file: the content is names and texts of all, the keys are the names. The example
 * that `infer init` writes is ours and needs nobody's agreement.
 */
export function shortcutsOf(projectDir: string): ProjectFile | undefined {
  const directory = join(projectDir, 'shortcuts')
  const shortcuts = yamlNamesIn(directory)
    .map((name) => [name, textOf(join(directory, name))] as const)
    .filter(([, text]) => text !== SHORTCUT)
  if (shortcuts.length === 0) return undefined
  return { file: directory, content: JSON.stringify(shortcuts), keys: () => shortcuts.map(([name]) => name) }
}

/** null for what cannot be read: such a shortcut does nothing, and is another content once it can be. */
function textOf(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}

/** Which of the project's files nobody has agreed to in the content they have now. */
export async function checkTrust(files: readonly ProjectFile[], home: string): Promise<Trust> {
  if (files.length === 0) return { untrusted: [], sentence: undefined }
  const trusted = readTrusted(home) ?? {}
  const untrusted: UntrustedFile[] = []
  for (const { file, content, keys } of files) {
    const agreed = trusted[realpathSync(file)]
    const sha256 = () => hashOf(content)
    if (agreed !== undefined && agreed === sha256()) continue
    const needed = await keys()
    if (needed.length > 0) untrusted.push({ file, keys: needed, sha256 })
  }
  return { untrusted, sentence: sentenceOf(untrusted) }
}

/** Loads node:crypto only here, and not by `import()`: each costs as much as reading a configuration. */
const hashOf = (content: string): string =>
  process.getBuiltinModule('node:crypto').createHash('sha256').update(content).digest('hex')

function sentenceOf(untrusted: readonly UntrustedFile[]): string | undefined {
  if (untrusted.length === 0) return undefined
  const files = untrusted.map(({ file, keys }) => {
    const rest = keys.length > NAMED ? ` and ${keys.length - NAMED} more` : ''
    return `${file} (${keys.slice(0, NAMED).join(', ')}${rest})`
  })
  return `not yet trusted, but in effect: ${files.join('; ')}; infer chat asks once and remembers it`
}

/** With `INFER_REQUIRE_TRUST=true` an untrusted file is E_CONFIG. */
export function requireTrust(trust: Trust, env: Environment): void {
  const wanted = env.INFER_REQUIRE_TRUST ?? ''
  const required = wanted === '' ? false : flagOf(wanted)
  if (typeof required !== 'boolean') {
    throw new InferError('E_CONFIG', 'environment variable INFER_REQUIRE_TRUST is not valid; allowed: true or false')
  }
  if (!required || trust.untrusted.length === 0) return
  const files = trust.untrusted.map(({ file, keys }) => `${file} (${keys.join(', ')})`).join('; ')
  throw new InferError('E_CONFIG', `INFER_REQUIRE_TRUST is set and these are not trusted: ${files}`, {
    hint: 'read them, then agree to them once in infer chat',
  })
}

/** Remembers in `~/.infer/trusted.json` that the user agreed to these files as they were read. */
export function recordTrust(untrusted: readonly UntrustedFile[], { home }: Pick<Surroundings, 'home'>): void {
  if (untrusted.length === 0) return
  const trusted = readTrusted(home)
  if (trusted === undefined) {
    throw new InferError('E_CONFIG', `${trustedFile(home)} is damaged and was left as it is: repair or remove it`)
  }
  for (const { file, sha256 } of untrusted) trusted[realpathSync(file)] = sha256()
  makeDirectory(places({ cwd: home, home }).userDir)
  writeWholeFile(trustedFile(home), `${JSON.stringify(trusted, null, 2)}\n`)
}

const trustedFile = (home: string) => join(home, '.infer', 'trusted.json')

/** Absolute path -> SHA-256 of the content; undefined when the file is damaged, which trusts nothing. */
function readTrusted(home: string): Record<string, string> | undefined {
  try {
    const parsed: unknown = JSON.parse(readText(trustedFile(home)) ?? '{}')
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, string>) : undefined
  } catch {
    return undefined
  }
}
