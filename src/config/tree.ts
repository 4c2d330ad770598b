import type * as z from 'zod/mini'

/** A part of the configuration: some keys of a section, in camelCase. */
export type Tree = { [key: string]: unknown }

export type Node = z.core.$ZodType
export type Section = z.core.$ZodObject

export const isSection = (node: Node): node is Section => node._zod.def.type === 'object'
/** A map whose keys the user chooses, such as `pricing.custom_prices`. */
export const isMap = (node: Node): node is z.core.$ZodRecord => node._zod.def.type === 'record'
export const isTree = (value: unknown): value is Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** `maxTokens` -> `max_tokens`: the one place where names change between inside and files. */
export const snake = (key: string): string => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

const camel = (key: string): string => key.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())

const shapeOf = (section: Section): Readonly<Record<string, Node>> => section._zod.def.shape

/** The keys of a section as files write them. */
export const keysOf = (section: Section): string[] => Object.keys(shapeOf(section)).map(snake)

/** The node behind a key as written in a file, with the key to store it under. */
export function childOf(parent: Node, key: string): { key: string; node: Node } | undefined {
  if (isMap(parent)) return { key, node: parent._zod.def.valueType }
  if (!isSection(parent) || snake(camel(key)) !== key || !Object.hasOwn(shapeOf(parent), camel(key))) return undefined
  const node = shapeOf(parent)[camel(key)]
  return node === undefined ? undefined : { key: camel(key), node }
}

export function nodeAt(root: Node, path: readonly string[]): Node | undefined {
  let node: Node | undefined = root
  for (const key of path) node = node === undefined ? undefined : childOf(node, key)?.node
  return node
}

/** Every setting with its path as files write it, in the order of the schema; a map counts as one. */
export function* leavesOf(section: Section, path: readonly string[] = []): Generator<{ path: string[]; node: Node }> {
  for (const [key, node] of Object.entries(shapeOf(section))) {
    const here = [...path, snake(key)]
    if (isSection(node)) yield* leavesOf(node, here)
    else yield { path: here, node }
  }
}

/** The value with the defaults of the schema in every place that the layers left open. */
export function complete(node: Node, value: unknown): unknown {
  if (isSection(node)) {
    const given = isTree(value) ? value : {}
    return Object.fromEntries(Object.entries(shapeOf(node)).map(([key, child]) => [key, complete(child, given[key])]))
  }
  if (isMap(node)) {
    const entries = Object.entries(isTree(value) ? value : {})
    return Object.fromEntries(entries.map(([key, child]) => [key, complete(node._zod.def.valueType, child)]))
  }
  return value === undefined ? (node as z.core.$ZodDefault)._zod.def.defaultValue : value
}

/** Maps merge, everything else (lists too) is replaced by the upper layer; undefined leaves what is below. */
export function merge(lower: Tree, upper: Tree): Tree {
  const merged: Tree = { ...lower }
  for (const [key, value] of Object.entries(upper)) {
    if (value === undefined) continue
    const below = merged[key]
    merged[key] = isTree(value) && isTree(below) ? merge(below, value) : value
  }
  return merged
}

/** The value with the keys that files use. */
export function toFileKeys(node: Node, value: unknown): unknown {
  if (!isTree(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, child]) => {
      const written = isMap(node) ? key : snake(key)
      const below = childOf(node, written)
      return [written, below === undefined ? child : toFileKeys(below.node, child)]
    }),
  )
}
