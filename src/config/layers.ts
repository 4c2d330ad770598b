import { join } from 'node:path'
import { readEnvironment } from './env.ts'
import { places, type Surroundings } from './paths.ts'
import { EMPTY_LAYER, type Layer, type ReadOptions, readTree } from './read-tree.ts'
import { openYaml, readText } from './yaml-file.ts'

/** One human-edited file as it was read. */
export interface FileLayer {
  readonly file: string
  readonly text: string
  readonly layer: Layer
}

/** What a kind of file says in its places, and the environment for it. */
export interface Layers {
  readonly user: FileLayer | undefined
  readonly project: FileLayer | undefined
  readonly env: Layer
}

/** Reads `name` in `~/.infer` and `./.infer` and the variables that belong to it. At home both are the user's. */
export async function readLayers(
  name: string,
  options: Omit<ReadOptions, 'env'> & { substitutes: boolean },
  { cwd, home, env }: Surroundings,
): Promise<Layers> {
  const { projectDir, userDir } = places({ cwd, home })
  const reading = options.substitutes ? { ...options, env } : options
  const user = await readLayer(join(userDir, name), reading)
  const project = projectDir === userDir ? undefined : await readLayer(join(projectDir, name), reading)
  return { user, project, env: readEnvironment(env, options) }
}

async function readLayer(file: string, options: ReadOptions): Promise<FileLayer | undefined> {
  const text = readText(file)
  if (text === undefined) return undefined
  return { file, text, layer: readTree(await openYaml(file, text), options) }
}

/** The layers from below to above. */
export const inOrder = ({ user, project, env }: Layers): Layer[] => [
  user?.layer ?? EMPTY_LAYER,
  project?.layer ?? EMPTY_LAYER,
  env,
]
