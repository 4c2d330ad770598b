import { InferError } from '#errors.ts'
import { channelsSchema, loadChannels } from './channels.ts'
import { loadSettings } from './load.ts'
import { nearest } from './nearest.ts'
import type { Surroundings } from './paths.ts'
import { loadPrompts, promptsSchema } from './prompts.ts'
import { settingsSchema } from './schema.ts'
import { isMap, isSection, leavesOf, type Node, nodeAt, type Section } from './tree.ts'

/** A file whose settings `config get` and `config set` reach, all of them below `prefix`. */
export interface ConfigDocument {
  readonly fileName: string
  readonly prefix: string | undefined
  readonly schema: Section
  /** Whether `${VAR}` in it stands for a variable. */
  readonly substitutes: boolean
  load(surroundings: Surroundings): Promise<unknown>
}

const CONFIG: ConfigDocument = {
  fileName: 'config.yaml',
  prefix: undefined,
  schema: settingsSchema,
  substitutes: true,
  load: async (surroundings) => (await loadSettings(surroundings)).settings,
}

const OTHERS: readonly ConfigDocument[] = [
  {
    fileName: 'channels.yaml',
    prefix: 'channels',
    schema: channelsSchema,
    substitutes: true,
    load: async (surroundings) => (await loadChannels(surroundings)).channels,
  },
  {
    fileName: 'prompts.yaml',
    prefix: 'prompts',
    schema: promptsSchema,
    substitutes: false,
    load: async (surroundings) => (await loadPrompts(surroundings)).prompts,
  },
]

/** A dotted path, resolved to a file and the place in it. */
export interface Place {
  readonly document: ConfigDocument
  /** Keys inside the file. */
  readonly path: readonly string[]
  readonly node: Node
  /** The path as the user writes it. */
  readonly name: string
}

/** Resolves `storage.type`, `channels.telegram.bot_token`, `prompts.tools.Bash.description`; E_USAGE when unknown. */
export function placeOf(name: string): Place {
  const keys = name === '' ? [] : name.split('.')
  const document = OTHERS.find(({ prefix }) => prefix === keys[0]) ?? CONFIG
  const inside = document.prefix === undefined ? keys : keys.slice(1)
  const path = joinMapKeys(document.schema, inside)
  const node = nodeAt(document.schema, path)
  if (node === undefined) throw unknown(name)
  return { document, path, node, name }
}

/** Keys of a map may hold dots (`openai/gpt-4.1`): what lies between the map and the last key below it is one key. */
function joinMapKeys(schema: Section, keys: readonly string[]): readonly string[] {
  for (let length = 1; length < keys.length; length++) {
    const parent = nodeAt(schema, keys.slice(0, length))
    if (parent === undefined || isSection(parent)) continue
    if (!isMap(parent)) break
    const last = keys.at(-1) ?? ''
    const whole = [...keys.slice(0, length), keys.slice(length).join('.')]
    const split = [...keys.slice(0, length), keys.slice(length, -1).join('.'), last]
    return keys.length - length > 1 && nodeAt(schema, split) !== undefined ? split : whole
  }
  return keys
}

function unknown(name: string): InferError {
  const known = [CONFIG, ...OTHERS].flatMap(({ prefix, schema }) =>
    [...leavesOf(schema)].map(({ path }) => [...(prefix === undefined ? [] : [prefix]), ...path].join('.')),
  )
  return new InferError('E_USAGE', `there is no setting ${name}; the nearest one is ${nearest(name, known)}`, {
    hint: 'infer config get lists them all',
  })
}
