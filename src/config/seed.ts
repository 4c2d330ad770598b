import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { GITIGNORE } from '#infer-dir.ts'
import { channelsSchema } from './channels.ts'
import { fieldOf } from './fields.ts'
import { places, type Surroundings } from './paths.ts'
import { promptsSchema } from './prompts.ts'
import { settingsSchema } from './schema.ts'
import { KEYBINDINGS, SHORTCUT } from './seed-text.ts'
import { complete, isMap, isSection, type Node, type Section, snake } from './tree.ts'
import { makeDirectory, writeWholeFile } from './write-file.ts'

export interface SeededFile {
  readonly file: string
  readonly action: 'written' | 'kept'
}

/**
 * Writes the files that people edit, every default in them commented out, into `./.infer`, or with `userspace` into
 * `~/.infer`. A file that exists is kept unless `overwrite`.
 */
export async function seedFiles({
  userspace = false,
  overwrite = false,
  ...surroundings
}: Surroundings & { userspace?: boolean; overwrite?: boolean }): Promise<SeededFile[]> {
  const { projectDir, userDir } = places(surroundings)
  const directory = userspace ? userDir : projectDir
  const created = makeDirectory(directory)
  return SEEDS.map(({ name, text }): SeededFile => {
    const file = join(directory, name)
    if (!overwrite && existsSync(file)) return { file, action: created ? 'written' : 'kept' }
    makeDirectory(dirname(file))
    writeWholeFile(file, text())
    return { file, action: 'written' }
  })
}

const HEADER = `# Settings of infer. Everything here is commented out and shows the default: to change a setting, remove the
# leading "# " of its line and of the section lines above it. Project files (./.infer) win over yours (~/.infer),
# and environment variables over both: INFER_ and the path in upper case, such as INFER_STORAGE_TYPE.
# \${VAR} in a value stands for an environment variable.
`

const CHANNELS_HEADER = `# Channels: who may talk to the agent from outside, through the daemon (infer channels-manager).
# Everyone in allowed_users can run commands on this host. Environment: INFER_CHANNELS_TELEGRAM_BOT_TOKEN and so on.
`

const PROMPTS_HEADER = `# Prompts: what the model is told. Empty means the built-in text. Variables are not replaced in this file.
`

const TOOL_EXAMPLE = `#
#   # Bash:
#   #   description: What the model is told about the tool.
`

const SEEDS: readonly { name: string; text: () => string }[] = [
  { name: '.gitignore', text: () => GITIGNORE },
  { name: 'config.yaml', text: () => `${HEADER}${commentedOut(settingsSchema)}` },
  { name: 'channels.yaml', text: () => `${CHANNELS_HEADER}${commentedOut(channelsSchema)}` },
  { name: 'prompts.yaml', text: () => `${PROMPTS_HEADER}${commentedOut(promptsSchema)}${TOOL_EXAMPLE}` },
  { name: 'keybindings.yaml', text: () => KEYBINDINGS },
  { name: 'shortcuts/changes.yaml', text: () => SHORTCUT },
]

/** Every setting of a file with its help, such that removing `# ` from all lines leaves the defaults. */
function commentedOut(schema: Section): string {
  const sections = Object.entries(schema._zod.def.shape).map(([key, node]) => {
    const lines = linesOf(snake(key), node, complete(node, undefined))
    return `\n${lines.map((line) => `# ${line}\n`).join('')}`
  })
  return sections.join('')
}

function linesOf(key: string, node: Node, value: unknown): string[] {
  if (isMap(node)) return [`${key}: {}`]
  if (!isSection(node)) return [`# ${fieldOf(node).help}`, ...valueLines(key, value)]
  const below = Object.entries(node._zod.def.shape).flatMap(([inner, child]) =>
    linesOf(snake(inner), child, complete(child, undefined)),
  )
  return [`${key}:`, ...below.map((line) => `  ${line}`)]
}

function valueLines(key: string, value: unknown): string[] {
  if (!Array.isArray(value) || value.every((item) => typeof item === 'number') || value.length < 3) {
    return [`${key}: ${scalar(value)}`]
  }
  return [`${key}:`, ...value.map((item) => `  - ${scalar(item)}`)]
}

/** JSON is YAML; a plain word needs no quotes. */
function scalar(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(scalar).join(', ')}]`
  const plain = typeof value === 'string' && /^[A-Za-z./~][\w./~-]*(:\/\/[\w.:/-]+)?$/.test(value)
  return plain && value !== '.' && value !== '~' ? value : JSON.stringify(value)
}
