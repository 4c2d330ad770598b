import { createHash } from 'node:crypto'
import type { Question } from '#channels/channel.ts'

/** Longest text of a message, in UTF-16 units. */
export const MESSAGE_LIMIT = 4_096
/** Room for the line that says what was decided. */
const OUTCOME_ROOM = 128
/** How much of arguments that do not fit is shown. */
const PREVIEW = 1_000

export interface QuestionMessage {
  readonly text: string
  /** The arguments are set apart by their position, so that nothing in them can be taken for formatting. */
  readonly entities: { type: 'pre'; offset: number; length: number }[]
  /** The arguments as the model wrote them, where they do not fit. */
  readonly file?: { readonly name: string; readonly content: string; readonly sha256: string }
}

/** What the approver is shown: the whole arguments, in the message or in a file that the message names by its SHA-256. */
export function questionMessage({ tool, args, description, minutes, approval }: Question): QuestionMessage {
  const intro = [`Approve ${shown(tool)}?`, ...(description === undefined ? [] : [shown(description)])].join('\n\n')
  const tail = `\n\nThe buttons work for ${minutes === 1 ? 'a minute' : `${minutes} minutes`}.`
  const whole = shown(readable(args))
  const fits = intro.length + 2 + whole.length + tail.length + OUTCOME_ROOM <= MESSAGE_LIMIT
  if (fits) return message(intro, whole, tail)
  const sha256 = createHash('sha256').update(args).digest('hex')
  const name = `${approval}.json`
  const bytes = Buffer.byteLength(args)
  const about = `The arguments are in the file ${name} (${bytes} bytes, SHA-256 ${sha256}). They begin:`
  const intros = `${cut(intro, MESSAGE_LIMIT - PREVIEW - 512)}\n\n${about}`
  return { ...message(intros, cut(whole, PREVIEW), tail), file: { name, content: args, sha256 } }
}

function message(intro: string, block: string, tail: string): QuestionMessage {
  const text = `${intro}\n\n${block}${tail}`
  return { text, entities: [{ type: 'pre', offset: intro.length + 2, length: block.length }] }
}

/** Indented JSON: what the tool is given. Arguments that are no JSON are shown as they are. */
function readable(args: string): string {
  try {
    return JSON.stringify(JSON.parse(args), null, 2)
  } catch {
    return args === '' ? '(no arguments)' : args
  }
}

/** Direction marks and control characters are shown as escapes, so that nothing looks like something else. */
function shown(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(
      /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
      (character) => {
        return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`
      },
    )
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1).toWellFormed()}…`
}
