import { stripVTControlCharacters } from 'node:util'
import { distance } from '#config/nearest.ts'

/** What oclif's parser attaches to its errors; which of it depends on the error. */
interface ParserError extends Error {
  args?: readonly (string | { name: string; description?: string })[]
  flags?: readonly string[]
  parse?: { input?: { flags?: Readonly<Record<string, { hidden?: boolean }>> } }
}

/** The parser writes paragraphs with lists; one sentence says the same. */
export function usageSentence(error: ParserError): string {
  const { args, flags, parse } = error
  if (flags !== undefined) return unknownFlag(flags[0] ?? '', Object.entries(parse?.input?.flags ?? {}))
  const [first] = args ?? []
  if (typeof first === 'string') return `${JSON.stringify(first)} is an argument too many`
  if (first !== undefined) return `the argument ${first.name.toUpperCase()} is missing: ${first.description ?? ''}`
  const lines = stripVTControlCharacters(error.message)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('See more help'))
  const [heading = '', ...details] = lines
  if (heading.startsWith('The following error')) return details.map(ownWords).join('; ')
  return [heading, ...details].map(ownWords).join(': ')
}

/** What stands behind an equals sign may be a secret. */
function unknownFlag(typed: string, known: readonly [string, { hidden?: boolean }][]): string {
  const [flag = ''] = typed.split('=')
  const names = known.filter(([, { hidden }]) => hidden !== true).map(([name]) => `--${name}`)
  const near = closest(flag, names)
  return `there is no flag ${flag}${near === undefined ? '' : `; did you mean ${near}?`}`
}

/** What was probably meant: the candidate with the fewest edits, if they are few. */
export function closest(typed: string, candidates: readonly string[]): string | undefined {
  const all = candidates.map((name) => ({ name, edits: distance(typed, name) }))
  const [best] = all.sort((a, b) => a.edits - b.edits)
  return best !== undefined && best.edits <= Math.max(2, typed.length / 3) ? best.name : undefined
}

function ownWords(text: string): string {
  return text
    .replace(/^Missing required flag (.*)$/, 'the flag --$1 is missing')
    .replace(/^Parsing (--\S+)$/, '$1')
    .replace(/^Expected an integer but received: (.*)$/, '$1 is no whole number')
    .replace(/^All of the following must be provided when using (--\S+): (.*)$/, '$1 needs $2 too')
    .replace(/^Expected (--[^=]+)=(.*) to be one of: (.*)$/s, '$1 is "$2"; allowed: $3')
    .replace(/^Flag (--\S+) expects (.*)$/, '$1 expects $2')
}
