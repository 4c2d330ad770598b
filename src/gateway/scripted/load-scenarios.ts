import { readFile } from 'node:fs/promises'
import type { Document, Node, Pair, YAMLMap } from 'yaml'
import { InferError } from '#errors.ts'
import { ERROR_STATUSES, matchExpression, type ScenarioLibrary } from './scenario.ts'

type Check = (value: unknown, fail: (problem: string) => never) => void

/** What a node of the file may be: a value to check, a list, anything at all, or a map with known keys. */
type Shape =
  | { readonly check: Check }
  | { readonly list: Shape; readonly notEmpty?: string }
  | { readonly anyMap: true }
  | { readonly keys: Readonly<Record<string, Shape>>; readonly required?: readonly string[] }

const text: Shape = { check: (value, fail) => typeof value === 'string' || fail('must be a text') }
const name: Shape = { check: (value, fail) => (typeof value === 'string' && value !== '') || fail('must be a name') }
const flag: Shape = { check: (value, fail) => typeof value === 'boolean' || fail('must be true or false') }
const count: Shape = { check: (value, fail) => isWhole(value, 0) || fail('must be a whole number, 0 or more') }
const times: Shape = {
  check: (value, fail) => isWhole(value, 1) || value === -1 || fail('must be 1 or more, or -1 for always'),
}
const status: Shape = {
  check: (value, fail) =>
    ERROR_STATUSES.includes(value as number) || fail(`must be one of ${ERROR_STATUSES.join(', ')}`),
}
const expression: Shape = {
  check: (value, fail) => {
    if (typeof value !== 'string' || value === '') fail('must be a regular expression')
    try {
      matchExpression(value as string)
    } catch (error) {
      fail(`is no valid regular expression: ${(error as Error).message}`)
    }
  },
}

const turn: Shape = {
  keys: {
    content: text,
    reasoning: text,
    tool_calls: { list: { keys: { name, args: { anyMap: true } }, required: ['name'] } },
    usage: { keys: { prompt_tokens: count, completion_tokens: count } },
    chunk_size: count,
    delay_ms: count,
    error: { keys: { status, times }, required: ['status', 'times'] },
    stall: { keys: { times, connect: flag }, required: ['times'] },
    malformed: flag,
  },
}

const library: Shape = {
  keys: {
    fallback: turn,
    scenarios: {
      list: {
        keys: { name, match: expression, expand: flag, turns: { list: turn, notEmpty: 'needs at least one turn' } },
        required: ['name', 'match', 'turns'],
      },
    },
  },
}

/**
 * Reads a scenario file. Everything wrong in it is an E_CONFIG that says file, line and column, so that a typo is not
 * played as a silent default.
 */
export async function loadScenarios(path: string): Promise<ScenarioLibrary> {
  const source = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new InferError('E_CONFIG', `The scenario file ${path} cannot be read (${error.code}).`, {
      hint: 'Set gateway.mock_scenarios (INFER_GATEWAY_MOCK_SCENARIOS) to a file, or leave it empty for the built-in ones.',
      cause: error,
    })
  })
  return parseScenarios(source, path)
}

/** The same over the text of a file; `path` is for the messages. */
export async function parseScenarios(source: string, path: string): Promise<ScenarioLibrary> {
  const { parseDocument, LineCounter, isMap, isSeq, isScalar, isAlias } = await import('yaml')
  const lines = new LineCounter()
  const document: Document = parseDocument(source, { lineCounter: lines })

  function failAt(offset: number, problem: string): never {
    const { line, col } = lines.linePos(offset)
    throw new InferError('E_CONFIG', `${path}:${line}:${col}: ${problem}.`, {
      hint: 'Correct the scenario file, or leave gateway.mock_scenarios empty for the built-in scenarios.',
    })
  }

  function checkNode(node: unknown, shape: Shape, where: string, parentOffset: number): void {
    const resolved = isAlias(node) ? node.resolve(document) : node
    const offset = (node as Node | null)?.range?.[0] ?? parentOffset
    const fail: (problem: string) => never = (problem) => failAt(offset, `${where} ${problem}`)
    if ('check' in shape) {
      shape.check(isScalar(resolved) ? resolved.value : undefined, fail)
    } else if ('anyMap' in shape) {
      if (!isMap(resolved)) fail('must be a map')
    } else if ('list' in shape) {
      if (!isSeq(resolved)) fail('must be a list')
      if (shape.notEmpty !== undefined && resolved.items.length === 0) fail(shape.notEmpty)
      for (const [index, item] of resolved.items.entries()) {
        checkNode(item, shape.list, `${where}[${index}]`, offset)
      }
    } else if (isMap(resolved)) {
      checkKeys(resolved, shape, where, offset)
    } else fail('must be a map')
  }

  function checkKeys(map: YAMLMap, shape: Extract<Shape, { keys: unknown }>, where: string, offset: number): void {
    for (const pair of map.items as Pair<Node | null, unknown>[]) {
      const key = isScalar(pair.key) ? String(pair.key.value) : ''
      const keyOffset = pair.key?.range?.[0] ?? offset
      const inner = Object.hasOwn(shape.keys, key) ? shape.keys[key] : undefined
      if (inner === undefined) {
        failAt(keyOffset, `${where} has an unknown key "${key}" (known: ${Object.keys(shape.keys).join(', ')})`)
      }
      checkNode(pair.value, inner, where === 'the file' ? key : `${where}.${key}`, keyOffset)
    }
    const missing = shape.required?.find((key) => !map.has(key))
    if (missing !== undefined) failAt(offset, `${where} has no "${missing}"`)
  }

  const [broken] = document.errors
  if (broken !== undefined) failAt(broken.pos[0], `no valid YAML: ${broken.message.split(/ at line|\n/)[0]}`)
  if (document.contents === null) failAt(0, 'the file is empty')
  checkNode(document.contents, library, 'the file', 0)
  const loaded = document.toJS() as Partial<ScenarioLibrary>
  checkUniqueNames(loaded, document, failAt)
  return { scenarios: [], ...loaded }
}

function checkUniqueNames(
  { scenarios = [] }: Partial<ScenarioLibrary>,
  document: Document,
  failAt: (offset: number, problem: string) => never,
): void {
  const seen = new Set<string>()
  for (const [index, scenario] of scenarios.entries()) {
    if (seen.has(scenario.name)) {
      const node = document.getIn(['scenarios', index, 'name'], true) as Node | undefined
      failAt(node?.range?.[0] ?? 0, `scenarios[${index}].name "${scenario.name}" is used twice`)
    }
    seen.add(scenario.name)
  }
}

function isWhole(value: unknown, least: number): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= least
}
