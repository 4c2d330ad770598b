import { readdirSync, readFileSync } from 'node:fs'
import type { Document, YAMLParseError, Node as YamlNode } from 'yaml'
import { InferError } from '#errors.ts'
import type { Source } from './read-tree.ts'

/** What each error of the parser means, so that no message repeats the text (which may hold a secret). */
const SYNTAX: Readonly<Record<string, string>> = {
  BAD_ALIAS: 'an alias (*name) without an anchor (&name) before it; a text that starts with * needs quotes',
  BAD_INDENT: 'this line is indented differently from its neighbours',
  BAD_SCALAR_START: 'a text that starts with this character needs quotes',
  BLOCK_AS_IMPLICIT_KEY: 'a second ": " in one line; a text that contains ": " needs quotes',
  BLOCK_IN_FLOW: 'a block inside of { } or [ ]',
  DUPLICATE_KEY: 'this key is here twice',
  MISSING_CHAR: 'a character is missing here, such as a colon, a quote or a closing bracket',
  MULTILINE_IMPLICIT_KEY: 'a key without a colon',
  MULTIPLE_DOCS: 'a second document ("---"); one file holds one',
  TAB_AS_INDENT: 'a tab is used for indentation; use spaces',
  UNEXPECTED_TOKEN: 'this does not belong here',
}

/** The text of a file; undefined when there is none. Anything else that is in the way throws E_CONFIG. */
export function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw new InferError('E_CONFIG', `${file} cannot be read (${code})`, { cause })
  }
}

/** The names of the YAML files in a directory, sorted; none when it cannot be listed. */
export function yamlNamesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => /\.ya?ml$/.test(name))
      .sort()
  } catch {
    return []
  }
}

/** Whether a YAML text holds nothing but blank lines and comments, which is what `infer init` seeds. */
export const isOnlyComments = (text: string): boolean => !/^[ \t]*[^\s#]/m.test(text)

/** A document that can be edited and written back; throws E_CONFIG with line and column when it does not parse. */
export async function parseDocument(file: string, text: string) {
  const yaml = await import('yaml')
  const lines = new yaml.LineCounter()
  const document = yaml.parseDocument(text, { lineCounter: lines, merge: true, prettyErrors: false })
  const where = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return `${file}:${line}:${col}`
  }
  const error = document.errors[0]
  if (error !== undefined) {
    throw new InferError('E_CONFIG', `${where(error.pos[0])}: ${syntaxError(error)}`)
  }
  return { yaml, document, where }
}

/** The parser reports a bracket that is never closed as bad indentation of the line after it. */
function syntaxError({ code, message }: YAMLParseError): string {
  if (code === 'BAD_INDENT' && message.startsWith('Flow ')) return 'a { or [ before this is not closed'
  return SYNTAX[code] ?? `this is not YAML (${code})`
}

/** Parses a configuration file; a file of comments costs no parser. */
export async function openYaml(file: string, text: string): Promise<Source> {
  if (isOnlyComments(text)) return { value: null, at: () => `${file}:1:1`, typed: () => undefined }
  const { yaml, document, where } = await parseDocument(file, text)
  return {
    value: plainValue(yaml, document, file, where),
    at(path, { item, key = false } = {}) {
      const steps = item === undefined ? path : [...path, item]
      return where(offsetOf(yaml, document, steps, key))
    },
    typed(path, item) {
      const node = findNode(yaml, document, item === undefined ? path : [...path, item])
      return yaml.isScalar(node) ? node.source : undefined
    },
  }
}

function plainValue(yaml: Yaml, document: Document.Parsed, file: string, where: (offset: number) => string): unknown {
  yaml.visit(document, {
    Alias(_, alias) {
      if (alias.resolve(document) !== undefined) return
      throw new InferError('E_CONFIG', `${where(start(alias) ?? 0)}: ${SYNTAX.BAD_ALIAS}`)
    },
  })
  try {
    return document.toJS()
  } catch (cause) {
    throw new InferError('E_CONFIG', `${file}: aliases (*name) are nested too deeply`, { cause })
  }
}

type Yaml = typeof import('yaml')
type Step = string | number

function findNode(yaml: Yaml, document: Document.Parsed, steps: readonly Step[]): unknown {
  let node: unknown = document.contents
  for (const step of steps) node = below(yaml, document, node, step)?.value
  return yaml.isAlias(node) ? node.resolve(document) : node
}

/** Offset of a value or of its key; of the nearest place above when it came by an alias that was merged in. */
function offsetOf(yaml: Yaml, document: Document.Parsed, steps: readonly Step[], wantKey: boolean): number {
  let node: unknown = document.contents
  let offset = start(node) ?? 0
  for (const [index, step] of steps.entries()) {
    const found = below(yaml, document, node, step)
    if (found === undefined) return offset
    const key = wantKey && index === steps.length - 1
    offset = start(key ? found.key : found.value) ?? start(found.key) ?? offset
    node = found.value
  }
  return offset
}

const start = (node: unknown): number | undefined => (node as YamlNode | null | undefined)?.range?.[0]

function below(yaml: Yaml, document: Document.Parsed, parent: unknown, step: Step) {
  const node = yaml.isAlias(parent) ? parent.resolve(document) : parent
  if (yaml.isSeq(node)) return { key: undefined, value: node.items[Number(step)] }
  if (!yaml.isMap(node)) return undefined
  return node.items.find((pair) => String(yaml.isScalar(pair.key) ? pair.key.value : pair.key) === step)
}
