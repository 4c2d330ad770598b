import type { Environment } from './paths.ts'

const REFERENCE = /\$(\$?)\{([A-Za-z_][A-Za-z0-9_]*)\}|%([A-Za-z_][A-Za-z0-9_]*)%/g

/** What a text with references to environment variables became. */
export interface Substitution {
  readonly text: string
  /** Every variable that was named, set or not. */
  readonly variables: readonly string[]
  /** Those of them that are not set; they left nothing behind. */
  readonly missing: readonly string[]
}

/**
 * Replaces `${VAR}` and `%VAR%` by the values of the environment; `$${VAR}` is how `${VAR}` itself is written.
 * With `percent: false` (URLs) `%VAR%` stays, since it may be percent-encoding.
 */
export function substitute(text: string, env: Environment, { percent = true } = {}): Substitution {
  const variables: string[] = []
  const missing: string[] = []
  const replaced = text.replace(REFERENCE, (written, escaped: string, dollar: string, inPercent: string) => {
    if (escaped === '$') return written.slice(1)
    if (dollar === undefined && !percent) return written
    const name = dollar ?? inPercent
    variables.push(name)
    const value = env[name]
    if (value === undefined) missing.push(name)
    return value ?? ''
  })
  return { text: replaced, variables, missing }
}

/** Whether a text names a variable, so that it cannot be judged before it is substituted. */
export const hasReference = (text: string): boolean => text.search(REFERENCE) >= 0

/** The variables that the text of a whole YAML file names outside of its comment lines. */
export function variablesIn(yaml: string): string[] {
  return substitute(yaml.replace(/^\s*#.*$/gm, ''), {}).variables.slice()
}
