import { InferError } from '#errors.ts'
import { nearest } from './nearest.ts'
import type { Environment } from './paths.ts'
import { EMPTY_LAYER, type Layer, type OldKey, type ReadOptions, readTree, type Source, stack } from './read-tree.ts'
import { isMap, leavesOf, type Section } from './tree.ts'

/** `['storage', 'type']` -> `INFER_STORAGE_TYPE`. */
export const envName = (path: readonly string[]): string => `INFER_${path.join('_').toUpperCase()}`

/** Variables that mean something to somebody else: oclif, the tests, and what is read where it is used. */
const OTHERS: ReadonlySet<string> = new Set([
  'INFER_BINPATH',
  'INFER_CACHE_DIR',
  'INFER_CONFIG_DIR',
  'INFER_CONTENT_TYPE',
  'INFER_DATA_DIR',
  'INFER_DEBUG',
  'INFER_DISABLE_THEME',
  'INFER_NPM_REGISTRY',
  'INFER_REQUIRE_TRUST',
])
const OTHER_PREFIXES = ['INFER_TEST_', 'INFER_CHANNELS_', 'INFER_PROMPTS_', 'INFER_HEARTBEAT_']

interface Variable {
  readonly path: readonly string[]
  readonly holdsMap: boolean
}

/**
 * What the `INFER_*` variables say. An empty variable counts as not set. With a `prefix` only variables below it are
 * looked at, without one all but those of other files. The error of a wrong value names the variable; what is no JSON
 * where a map must be throws E_CONFIG.
 */
export function readEnvironment(env: Environment, options: Omit<ReadOptions, 'env'>): Layer {
  const { prefix, schema, oldKeys = [], ignored } = options
  const top = prefix === undefined ? [] : [prefix]
  const names = Object.keys(env).filter((name) => name.startsWith(`${envName([...top, ''])}`) && env[name] !== '')
  const open = prefix === undefined ? names.filter((name) => !isOthers(name)) : names
  let layer = EMPTY_LAYER
  if (open.length === 0) return layer
  const variables = variablesOf(schema, top, oldKeys)
  const foreign = ignored.map((key) => envName([...top, ...key.split('.')]))
  for (const name of open.sort()) {
    const variable = variables.get(name)
    if (variable !== undefined) {
      layer = stack(layer, readTree(sourceOf(name, env[name] ?? '', variable), options))
    } else if (!foreign.some((key) => name === key || name.startsWith(`${key}_`))) {
      const warnings = [
        ...layer.warnings,
        `unknown environment variable ${name}; ${suggestion(name, variables.keys())}`,
      ]
      layer = { ...layer, warnings }
    }
  }
  return layer
}

function isOthers(name: string): boolean {
  return OTHERS.has(name) || OTHER_PREFIXES.some((prefix) => name.startsWith(prefix))
}

function variablesOf(schema: Section, top: readonly string[], oldKeys: readonly OldKey[]): Map<string, Variable> {
  const variables = new Map<string, Variable>()
  for (const { path, node } of leavesOf(schema)) {
    variables.set(envName([...top, ...path]), { path, holdsMap: isMap(node) })
  }
  for (const { at } of oldKeys) {
    const path = at.split('.')
    variables.set(envName([...top, ...path]), { path, holdsMap: false })
  }
  return variables
}

const suggestion = (name: string, known: Iterable<string>) => `the nearest known one is ${nearest(name, known)}`

/** A variable as a document with one value in it; a map is written as JSON. */
function sourceOf(name: string, text: string, { path, holdsMap }: Variable): Source {
  const leaf = holdsMap ? jsonOf(name, text) : text
  const value = path.reduceRight<unknown>((below, key) => ({ [key]: below }), leaf)
  return { value, at: () => `environment variable ${name}`, typed: () => undefined }
}

function jsonOf(name: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new InferError(
      'E_CONFIG',
      `environment variable ${name}: this is not JSON; allowed: an object such as {"KEY": {}}`,
    )
  }
}
