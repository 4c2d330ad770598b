import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Document, YAMLMap, YAMLSeq } from 'yaml'
import { InferError } from '#errors.ts'
import { type ConfigDocument, type Place, placeOf } from './documents.ts'
import { envName } from './env.ts'
import { loadSettings } from './load.ts'
import { places, type Surroundings } from './paths.ts'
import { readValue } from './read-value.ts'
import { isSecret, maskSecrets } from './secrets.ts'
import { hasReference, substitute } from './substitute.ts'
import { isMap, isSection, isTree, type Tree, toFileKeys } from './tree.ts'
import { recordTrust, type UntrustedFile } from './trust.ts'
import { makeDirectory, writeWholeFile } from './write-file.ts'
import { parseDocument, readText } from './yaml-file.ts'

/**
 * A setting or a section in effect, with the keys of the files; the empty path is all of config.yaml. Secrets are
 * masked unless asked for. Throws E_USAGE for a path that is none.
 */
export async function getSetting(
  name: string,
  { showSecrets = false, ...surroundings }: Surroundings & { showSecrets?: boolean },
): Promise<unknown> {
  const { document, path, node } = placeOf(name)
  const all = toFileKeys(document.schema, await document.load(surroundings))
  const value = path.reduce<unknown>((tree, key) => (isTree(tree) ? tree[key] : undefined), all)
  if (value === undefined) throw new InferError('E_NOT_FOUND', `${name} is not set`)
  return showSecrets ? value : maskSecrets(node, value)
}

export interface SetResult {
  /** The file that was written. */
  readonly file: string
  /** What still decides instead, a variable or the project's file; undefined when the new value is in effect. */
  readonly overriddenBy: string | undefined
}

/**
 * Writes one setting, keeping comments and everything else in the file.
 *
 * Goes to the project's file if there is one, else (or with `userspace`, and for secrets always) to the user's. The text
 * is read as an environment variable would be; `${VAR}` is kept as such. What the user writes here is trusted, if the
 * file was. Throws E_USAGE for an unknown path, E_CONFIG for a wrong value.
 */
export async function setSetting(
  name: string,
  text: string,
  { userspace = false, ...surroundings }: Surroundings & { userspace?: boolean },
): Promise<SetResult> {
  const place = placeOf(name)
  const value = valueToWrite(place, text, surroundings)
  const { projectDir, userDir } = places(surroundings)
  const projectFile = join(projectDir, place.document.fileName)
  const toProject = !userspace && !isSecret(place.node, text) && projectDir !== userDir && existsSync(projectFile)
  const directory = toProject ? projectDir : userDir
  const file = join(directory, place.document.fileName)

  const trusted = toProject && (await isTrusted(file, surroundings))
  const before = readText(file) ?? ''
  const after = await withValue(file, before, place.path, value)
  makeDirectory(directory)
  writeWholeFile(file, after)
  if (trusted) recordTrust(await untrustedOf(file, surroundings), surroundings)
  return { file, overriddenBy: await overriderOf(place, file, projectFile, surroundings) }
}

async function untrustedOf(file: string, surroundings: Surroundings): Promise<UntrustedFile[]> {
  const { trust } = await loadSettings({ ...surroundings, askTrust: true })
  return trust.untrusted.filter((untrusted) => untrusted.file === file)
}

/** A file that cannot be loaded (and is perhaps just being repaired) is not trusted. */
async function isTrusted(file: string, surroundings: Surroundings): Promise<boolean> {
  try {
    return (await untrustedOf(file, surroundings)).length === 0
  } catch {
    return false
  }
}

function valueToWrite({ document, node, name }: Place, text: string, { env }: Surroundings): unknown {
  if (isSection(node) || isMap(node))
    throw new InferError('E_USAGE', `the setting ${name} is a section: name one of its keys`)
  const origin = { at: () => `infer config set ${name}`, typed: () => undefined }
  const refers = document.substitutes && hasReference(text)
  const checked = readValue(node, refers ? substitute(text, env).text : text, name, origin)
  return refers ? text : checked
}

async function overriderOf(
  { document, path }: Place,
  file: string,
  projectFile: string,
  { env }: Surroundings,
): Promise<string | undefined> {
  const variable = envName([...prefixOf(document), ...path])
  if ((env[variable] ?? '') !== '') return variable
  const text = file === projectFile ? undefined : readText(projectFile)
  if (text === undefined) return undefined
  const { document: project } = await parseDocument(projectFile, text)
  return project.hasIn(path) ? projectFile : undefined
}

const prefixOf = ({ prefix }: ConfigDocument) => (prefix === undefined ? [] : [prefix])

/** The text of the file with one value replaced or added, in sections that are made where they are missing. */
async function withValue(file: string, text: string, path: readonly string[], value: unknown): Promise<string> {
  const { yaml, document } = await parseDocument(file, text)
  if (document.contents !== null && !yaml.isMap(document.contents) && document.toJS() !== null) {
    throw new InferError('E_CONFIG', `${file}:1:1: the file does not hold a map of settings, so none can be added`)
  }
  if (!yaml.isMap(document.contents)) document.contents = document.createNode({}) as never
  let section = document.contents as unknown as YAMLMap
  for (const key of path.slice(0, -1)) section = sectionIn(yaml, document, section, key, file)
  const last = path.at(-1) ?? ''
  const node = document.createNode(value)
  const existing = section.get(last, true)
  if (yaml.isScalar(existing) && yaml.isScalar(node)) keepComments(existing, node)
  if (yaml.isSeq(existing) && yaml.isSeq(node)) keepItems(yaml, existing, node)
  section.set(last, node)
  const written = document.toString({ lineWidth: 0, flowCollectionPadding: true })
  assertReadsBack(yaml.parse(written, { merge: true }), path, value, file)
  return written
}

function sectionIn(
  yaml: typeof import('yaml'),
  document: Document,
  parent: YAMLMap,
  key: string,
  file: string,
): YAMLMap {
  const existing = parent.get(key, true)
  if (yaml.isMap(existing)) return existing
  if (existing !== undefined && !(yaml.isScalar(existing) && existing.value === null)) {
    throw new InferError('E_CONFIG', `${file}: ${key} is not a plain section there: change it by hand`)
  }
  const section = document.createNode({}) as YAMLMap
  if (yaml.isScalar(existing)) {
    const comments = [existing.commentBefore, existing.comment].filter((comment) => typeof comment === 'string')
    if (comments.length > 0) section.commentBefore = comments.join('\n')
  }
  parent.set(key, section)
  return section
}

function keepComments(from: { comment?: string | null; commentBefore?: string | null }, to: typeof from): void {
  if (from.comment) to.comment = from.comment
  if (from.commentBefore) to.commentBefore = from.commentBefore
}

/** Items that stay are written as they were, with their comments. */
function keepItems(yaml: typeof import('yaml'), from: YAMLSeq, to: YAMLSeq): void {
  keepComments(from, to)
  to.flow = from.flow === true
  const old = from.items.filter((item) => yaml.isScalar(item))
  to.items = to.items.map((item) => (yaml.isScalar(item) && old.find(({ value }) => value === item.value)) || item)
}

function assertReadsBack(root: unknown, path: readonly string[], value: unknown, file: string): void {
  const read = path.reduce<unknown>((tree, key) => (isTree(tree) ? (tree as Tree)[key] : undefined), root)
  if (JSON.stringify(read) === JSON.stringify(value)) return
  throw new InferError('E_FAILED', `${file} would not read back as written and was left as it is: change it by hand`)
}
