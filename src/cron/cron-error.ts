/**
 * An expression, duration or time zone that is not accepted.
 *
 * The message is one sentence that names the field, the offending text and what is allowed there.
 */
export class CronError extends Error {
  override readonly name = 'CronError'
}

/** Longer text is cut in messages: the start of an expression says which one it is. */
const SHOWN = 80

/** The text as messages show it: quoted, control characters escaped, at most 80 characters of it. */
export function quote(text: string): string {
  return JSON.stringify(text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text)
}
