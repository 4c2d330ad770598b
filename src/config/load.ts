import { join } from 'node:path'
import { GO_KEYS } from './go-keys.ts'
import { inOrder, type Layers, readLayers } from './layers.ts'
import { allowWithWhitelist, OLD_KEYS, translateOldNames } from './old-names.ts'
import { configDirOf, places, type Surroundings } from './paths.ts'
import { requireValid, stack } from './read-tree.ts'
import { type Settings, settingsSchema } from './schema.ts'
import { variablesIn } from './substitute.ts'
import { complete, merge, type Tree } from './tree.ts'
import { checkTrust, keysThatNeedTrust, type ProjectFile, requireTrust, shortcutsOf, type Trust } from './trust.ts'
import { isOnlyComments, readText } from './yaml-file.ts'

/** Some settings, as command-line flags give them. */
export type SomeSettings = Partially<Settings>
type Partially<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { [K in keyof T]?: Partially<T[K]> | undefined }
    : T

export interface LoadedSettings {
  readonly settings: Settings
  /** Absolute. */
  readonly configDir: string
  /** The config.yaml files that were read, the one that wins first. */
  readonly files: readonly string[]
  /** One sentence each, for stderr. */
  readonly warnings: readonly string[]
  /** Variables that a `${VAR}` in config.yaml or channels.yaml names: commands of the agent must not see them. */
  readonly substitutedVariables: ReadonlySet<string>
  readonly trust: Trust
}

export interface LoadOptions extends Surroundings {
  readonly flags?: SomeSettings
  /** True where the user will be asked: an untrusted file is then no error under `INFER_REQUIRE_TRUST=true`. */
  readonly askTrust?: boolean
}

/**
 * The settings from flags, `INFER_*`, `./.infer/config.yaml`, `~/.infer/config.yaml` and the defaults, the first that
 * says something winning. Maps merge, lists replace. Throws E_CONFIG for a wrong value, with its place.
 */
export async function loadSettings({ flags, askTrust = false, ...surroundings }: LoadOptions): Promise<LoadedSettings> {
  const layers = await readConfig(surroundings)
  const merged = requireValid(inOrder(layers).reduce(stack))
  const tree = merge(merged.tree, (flags ?? {}) as Tree)
  const settings = complete(settingsSchema, tree) as Settings
  settings.tools.bash.mode.all.allow = allowWithWhitelist(settings.tools.bash.mode.all.allow, merged.old)

  const channels = readChannelTexts(surroundings)
  const trust = await checkTrust(projectFiles(layers, channels.project, surroundings), surroundings.home)
  if (!askTrust) requireTrust(trust, surroundings.env)
  return {
    settings,
    configDir: configDirOf(surroundings),
    files: [layers.project, layers.user].flatMap((layer) => (layer === undefined ? [] : [layer.file])),
    warnings: merged.warnings,
    substitutedVariables: merged.variables.union(new Set(channels.texts.flatMap(variablesIn))),
    trust,
  }
}

async function readConfig(surroundings: Surroundings): Promise<Layers> {
  const options = { schema: settingsSchema, ignored: GO_KEYS, oldKeys: OLD_KEYS, substitutes: true }
  const { user, project, env } = await readLayers('config.yaml', options, surroundings)
  return {
    user: user && { ...user, layer: translateOldNames(user.layer, user.file) },
    project: project && { ...project, layer: translateOldNames(project.layer, project.file) },
    env: translateOldNames(env, 'environment'),
  }
}

interface ChannelTexts {
  readonly project: { file: string; content: string } | undefined
  readonly texts: string[]
}

/** channels.yaml is not parsed here: every command needs to know whether it is trusted, few what it says. */
function readChannelTexts(surroundings: Surroundings): ChannelTexts {
  const { projectDir, userDir } = places(surroundings)
  const user = readText(join(userDir, 'channels.yaml'))
  if (projectDir === userDir) return { project: undefined, texts: user === undefined ? [] : [user] }
  const file = join(projectDir, 'channels.yaml')
  const content = readText(file)
  return {
    project: content === undefined ? undefined : { file, content },
    texts: [user, content].filter((text) => text !== undefined),
  }
}

function projectFiles(layers: Layers, channels: ChannelTexts['project'], surroundings: Surroundings): ProjectFile[] {
  const files: ProjectFile[] = []
  const { project } = layers
  const keys = keysThatNeedTrust(project?.layer.given ?? [])
  if (project !== undefined && keys.length > 0)
    files.push({ file: project.file, content: project.text, keys: () => keys })
  if (channels !== undefined && !isOnlyComments(channels.content)) {
    files.push({
      ...channels,
      keys: async () => (await import('./channels.ts')).givenChannelKeys(channels.file, channels.content),
    })
  }
  const { projectDir, userDir } = places(surroundings)
  const shortcuts = projectDir === userDir ? undefined : shortcutsOf(projectDir)
  return shortcuts === undefined ? files : [...files, shortcuts]
}
