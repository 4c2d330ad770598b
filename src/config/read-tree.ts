import { InferError } from '#errors.ts'
import { fieldOf } from './fields.ts'
import { covers } from './go-keys.ts'
import { nearest } from './nearest.ts'
import type { Environment } from './paths.ts'
import { type Origin, readValue, show } from './read-value.ts'
import { substitute } from './substitute.ts'
import { childOf, isMap, isSection, isTree, keysOf, merge, type Node, type Section, type Tree } from './tree.ts'

type Path = readonly string[]

/** A parsed document that can say where each of its values stands. */
export interface Source {
  readonly value: unknown
  /** `FILE:LINE:COL` of the value at a path, an item of a list by its index; of its key where the key is at fault. */
  at(path: Path, options?: { item?: number; key?: boolean }): string
  typed(path: Path, item?: number): string | undefined
}

/** Old names that still count: `at` is read by the rules of `as`. */
export interface OldKey {
  readonly at: string
  readonly as: string
}

export interface ReadOptions {
  readonly schema: Section
  /** Put before a path in messages, such as `channels`. */
  readonly prefix?: string
  readonly ignored: readonly string[]
  readonly oldKeys?: readonly OldKey[]
  /** The environment for substitutions; without it texts are taken as they are. */
  readonly env?: Environment
}

/** What one source contributed. */
export interface Layer {
  readonly tree: Tree
  /** Values under old names, by that name. */
  readonly old: Readonly<Record<string, unknown>>
  /** Every setting that was given, as a dotted path of the file. */
  readonly given: readonly string[]
  readonly warnings: readonly string[]
  /** Wrong values (E_CONFIG), in the order of the document; what they are about is not in `tree`. */
  readonly errors: readonly InferError[]
  readonly variables: ReadonlySet<string>
}

/** Reads a document by the schema. Unknown keys and unset variables are warnings, wrong values are errors of the layer. */
export function readTree(source: Source, options: ReadOptions): Layer {
  const old: Record<string, unknown> = {}
  const given: string[] = []
  const warnings: string[] = []
  const errors: InferError[] = []
  const variables = new Set<string>()
  const nameOf = (path: Path) => [...(options.prefix === undefined ? [] : [options.prefix]), ...path].join('.')

  function readNode(node: Node, value: unknown, path: Path): unknown {
    if (value === null || value === undefined) return undefined
    if (isSection(node) || isMap(node)) return readKeys(node, value, path)
    const read = readSetting(node, value, path)
    if (read !== undefined) given.push(path.join('.'))
    return read
  }

  function readKeys(parent: Node, value: unknown, path: Path): Tree {
    if (!isTree(value)) {
      errors.push(notASection(parent, value, path))
      return {}
    }
    const tree: Tree = {}
    for (const [written, below] of Object.entries(value)) {
      const here = [...path, written]
      const child = childOf(parent, written)
      const known = child !== undefined && written !== '__proto__'
      if (!known) readUnknown(parent, below, here)
      else {
        const read = readNode(child.node, below, here)
        if (read !== undefined) tree[child.key] = read
      }
    }
    return tree
  }

  function readSetting(node: Node, value: unknown, path: Path): unknown {
    const origin: Origin = {
      at: (item) => source.at(path, item === undefined ? {} : { item }),
      typed: (item) => source.typed(path, item),
    }
    const meant = replaceVariables(value, path, true)
    const textual = ['text', 'path', 'secret'].includes(fieldOf(node).kind)
    if (meant === '' && value !== '' && !textual) return undefined
    try {
      return readValue(node, meant, nameOf(path), origin)
    } catch (error) {
      if (!(error instanceof InferError)) throw error
      errors.push(error)
      given.push(path.join('.'))
      return undefined
    }
  }

  function replaceVariables(value: unknown, path: Path, warn: boolean): unknown {
    if (Array.isArray(value)) return value.map((item) => replaceVariables(item, path, warn))
    if (isTree(value)) {
      for (const [key, below] of Object.entries(value)) replaceVariables(below, [...path, key], warn)
      return value
    }
    if (typeof value !== 'string' || options.env === undefined) return value
    const {
      text,
      variables: named,
      missing,
    } = substitute(value, options.env, { percent: !path.at(-1)?.endsWith('url') })
    for (const name of named) variables.add(name)
    if (warn) {
      for (const name of missing) {
        warnings.push(
          `${source.at(path)}: ${nameOf(path)} names the variable ${name}, which is not set: it is left empty`,
        )
      }
    }
    return text
  }

  function readUnknown(parent: Node, value: unknown, path: Path): void {
    const oldKeys = (options.oldKeys ?? []).filter(({ at }) => covers([path.join('.')], at.split('.')))
    for (const { at, as } of oldKeys) readOld(at.split('.'), as.split('.'), value, path)
    if (oldKeys.length > 0) return
    replaceVariables(value, path, false)
    if (!covers(options.ignored, path)) warnings.push(unknownKey(parent, path))
  }

  function readOld(at: Path, as: Path, value: unknown, path: Path): void {
    const found = at.slice(path.length).reduce((tree, key) => (isTree(tree) ? tree[key] : undefined), value)
    let node: Node = options.schema
    for (const key of as) node = childOf(node, key)?.node ?? node
    const read = found === null || found === undefined ? undefined : readSetting(node, found, at)
    if (read === undefined) return
    given.push(at.join('.'))
    old[at.join('.')] = read
  }

  function unknownKey(parent: Node, path: Path): string {
    const closest = nearest(path.at(-1) ?? '', isSection(parent) ? keysOf(parent) : [])
    const suggestion =
      closest === undefined ? '' : `; the nearest known key is ${nameOf([...path.slice(0, -1), closest])}`
    return `${source.at(path, { key: true })}: unknown key ${nameOf(path)}${suggestion}`
  }

  function notASection(node: Node, value: unknown, path: Path): InferError {
    const allowed = isSection(node) ? `a section with ${keysOf(node).join(', ')}` : 'a section'
    const name = path.length === 0 ? 'the file' : nameOf(path)
    return new InferError('E_CONFIG', `${source.at(path)}: ${name} is ${show(value)}; allowed: ${allowed}`)
  }

  const tree = (readNode(options.schema, source.value, []) ?? {}) as Tree
  return { tree, old, given, warnings, errors, variables }
}

export const EMPTY_LAYER: Layer = { tree: {}, old: {}, given: [], warnings: [], errors: [], variables: new Set() }

/** Two layers as one, the upper winning. */
export function stack(lower: Layer, upper: Layer): Layer {
  return {
    tree: merge(lower.tree, upper.tree),
    old: { ...lower.old, ...upper.old },
    given: [...lower.given, ...upper.given],
    warnings: [...lower.warnings, ...upper.warnings],
    errors: [...lower.errors, ...upper.errors],
    variables: lower.variables.union(upper.variables),
  }
}

/** The layer, if nothing in it is wrong. Throws its first error; what else is wrong or unknown is the hint. */
export function requireValid(layer: Layer): Layer {
  const [first, ...others] = layer.errors
  if (first === undefined) return layer
  const rest = [...others.map(({ message }) => message), ...layer.warnings].map((sentence) => `Also: ${sentence}`)
  const hint = [...(first.hint === undefined ? [] : [first.hint]), ...rest].join('. ')
  throw new InferError('E_CONFIG', first.message, { cause: first, ...(hint !== '' && { hint }) })
}
