import { findCommand } from './commands/index.ts'
import { InferError } from './errors.ts'
import { jsonText, visible } from './terminal/escapes.ts'
import { capitalised, sentence } from './terminal/sentence.ts'
import { usageSentence } from './usage-error.ts'

const STORAGE_EXITS: Readonly<Record<string, number>> = {
  E_NOT_FOUND: 3,
  E_UNAVAILABLE: 4,
  E_INVALID: 2,
}

/** Whether the command line asks for JSON, read without the parser because that may be what failed. */
export function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--')
  const words = end < 0 ? argv : argv.slice(0, end)
  const format = words.indexOf('--format')
  return words.includes('--json') || words.includes('--format=json') || (format >= 0 && words[format + 1] === 'json')
}

export interface ErrorReport {
  exitCode: number
  /** The document for stdout: `{error: {code, message, hint}}`. */
  json: string
  /** For stderr: the sentence, and what to do on a line of its own. */
  text: string
}

interface Classified {
  code: string
  exitCode: number
  message: string
  hint: string | undefined
}

/** One sentence, what to do, and the exit code of any error; the stack only with `--debug`. */
export function describeError(error: unknown, argv: readonly string[]): ErrorReport {
  const { code, exitCode, ...said } = classify(error, argv)
  const message = sentence(said.message)
  const hint = said.hint === undefined ? null : capitalised(said.hint)
  const stack = argv.includes('--debug') && error instanceof Error ? `${error.stack}\n` : ''
  return {
    exitCode,
    json: jsonText({ error: { code, message, hint } }),
    text: visible(`infer: ${message}\n${hint === null ? '' : `  ${hint}\n`}${stack}`),
  }
}

function classify(error: unknown, argv: readonly string[]): Classified {
  if (error instanceof InferError) {
    return { code: error.code, exitCode: error.exitCode, message: error.message, hint: error.hint }
  }
  if (!(error instanceof Error)) return { code: 'E_FAILED', exitCode: 1, message: String(error), hint: undefined }
  if (error.name === 'StorageError') {
    const { code, hint, message } = error as Error & { code: string; hint: string | undefined }
    return { code, exitCode: STORAGE_EXITS[code] ?? 1, message, hint }
  }
  if ('oclif' in error) {
    const id = findCommand(argv)?.id
    return { code: 'E_USAGE', exitCode: 2, message: usageSentence(error), hint: `infer help${id ? ` ${id}` : ''}` }
  }
  return { code: 'E_FAILED', exitCode: 1, message: error.message, hint: 'run it again with --debug for the details' }
}
