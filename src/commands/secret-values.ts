import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fieldOf } from '#config/fields.ts'
import { places, type Surroundings } from '#config/paths.ts'
import { type Settings, settingsSchema } from '#config/schema.ts'
import { childOf, isMap, isTree, leavesOf, type Section } from '#config/tree.ts'

/** The values of all secret settings, and the passwords inside addresses, as they are and as addresses spell them. */
export async function secretValues(settings: Settings, surroundings: Surroundings): Promise<string[]> {
  return [...secretsIn(settingsSchema, settings), ...(await channelSecrets(surroundings))]
}

/** Most have no channels, and their schema takes longer to make than two looks at the disk. */
async function channelSecrets(surroundings: Surroundings): Promise<string[]> {
  const { projectDir, userDir } = places(surroundings)
  const inFiles = [projectDir, userDir].some((directory) => existsSync(join(directory, 'channels.yaml')))
  if (!inFiles && !Object.keys(surroundings.env).some((name) => name.startsWith('INFER_CHANNELS_'))) return []
  const { channelsSchema, loadChannels } = await import('#config/channels.ts')
  // A file that cannot be read has its own error where it is needed.
  const loaded = await loadChannels(surroundings).catch(() => undefined)
  return secretsIn(channelsSchema, loaded?.channels)
}

function secretsIn(schema: Section, values: unknown): string[] {
  return [...leavesOf(schema)].flatMap(({ path, node }) => {
    if (isMap(node)) return []
    const { kind } = fieldOf(node)
    const value = valueAt(schema, values, path)
    if (typeof value !== 'string' || value === '') return []
    if (kind === 'secret') return [value, value.trim()]
    return kind === 'url' ? passwordsOf(value) : []
  })
}

function valueAt(schema: Section, values: unknown, path: readonly string[]): unknown {
  let node: ReturnType<typeof childOf> = { key: '', node: schema }
  let value = values
  for (const name of path) {
    node = node === undefined ? undefined : childOf(node.node, name)
    if (node === undefined || !isTree(value)) return undefined
    value = value[node.key]
  }
  return value
}

function passwordsOf(address: string): string[] {
  const url = URL.parse(address)
  const written = [/^[a-z]+:\/\/[^/?#@]*?:(.+)@/i.exec(address)?.[1], /[?&]password=([^&#]+)/i.exec(address)?.[1]]
  const parsed = [url?.password, url?.searchParams.get('password')]
  return [...written, ...parsed].flatMap((one) => (one ? [one, decoded(one)] : []))
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
