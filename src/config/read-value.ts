import * as z from 'zod/mini'
import { InferError } from '#errors.ts'
import { type Field, type FieldKind, fieldOf } from './fields.ts'
import type { Node } from './tree.ts'

/** Where a value was found, for messages and for what the parser no longer shows. */
export interface Origin {
  /** `FILE:LINE:COL` of an item inside the value, or of the value itself. */
  at(item?: number): string
  /** A number or a boolean as it was typed, `007` or `1e3`. */
  typed(item?: number): string | undefined
}

const TRUE = new Set(['true', 'yes', 'on', '1'])
const FALSE = new Set(['false', 'no', 'off', '0'])
const LISTS: ReadonlySet<FieldKind> = new Set(['texts', 'wholes', 'patterns'])
const HIDDEN: ReadonlySet<FieldKind> = new Set(['secret', 'url'])
/** Longest value that an error repeats, in characters. */
const SHOWN = 60

/**
 * The value of one setting, checked; text stands for what it spells (`"5432"`, `yes`, `a,b`), a bare number for text.
 *
 * `name` is the dotted path for the message. Throws E_CONFIG with the place and what is allowed.
 */
export function readValue(node: Node, value: unknown, name: string, origin: Origin): unknown {
  const field = fieldOf(node)
  const meant = LISTS.has(field.kind) ? listOf(field.kind, value, origin) : scalarOf(field, value, origin.typed())
  const parsed = z.safeParse(node as z.ZodMiniType, meant)
  if (parsed.success) return parsed.data
  const item = parsed.error.issues[0]?.path[0]
  const index = typeof item === 'number' ? item : undefined
  throw wrongValue(field, index === undefined ? value : (meant as unknown[])[index], name, origin.at(index))
}

function wrongValue(field: Field, value: unknown, name: string, where: string): InferError {
  const refused = typeof value === 'string' ? field.refused?.[value] : undefined
  const reason = refused === undefined ? '' : `, ${refused}`
  const shown = HIDDEN.has(field.kind) ? 'is not valid' : `is ${show(value)}${reason}`
  return new InferError('E_CONFIG', `${where}: ${name} ${shown}; allowed: ${field.allowed}`)
}

/** A value in a sentence: cut, and without what a section or a list holds. */
export function show(value: unknown): string {
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object' && value !== null) return 'a section'
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text
}

function scalarOf(field: Field, value: unknown, typed: string | undefined): unknown {
  switch (field.kind) {
    case 'flag':
      return flagOf(value)
    case 'whole':
    case 'number':
      return numberOf(value)
    default: {
      const text = textOf(value, typed)
      return typeof text === 'string' ? (field.foreign?.(text) ?? text) : text
    }
  }
}

/** `true yes on 1` and their opposites, in any case; anything else is returned as it is. */
export function flagOf(value: unknown): unknown {
  const word = typeof value === 'string' ? value.trim().toLowerCase() : value === 1 || value === 0 ? `${value}` : ''
  if (TRUE.has(word)) return true
  return FALSE.has(word) ? false : value
}

function numberOf(value: unknown): unknown {
  if (typeof value !== 'string' || !/^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i.test(value)) return value
  return Number(value)
}

function textOf(value: unknown, typed: string | undefined): unknown {
  return typeof value === 'number' || typeof value === 'boolean' ? (typed ?? String(value)) : value
}

function listOf(kind: FieldKind, value: unknown, origin: Origin): unknown {
  const whole = Array.isArray(value) ? value : textOf(value, origin.typed())
  const items = typeof whole === 'string' ? split(whole) : whole
  if (!Array.isArray(items)) return items
  if (kind === 'wholes') return items.map(numberOf)
  return items.map((item, index) => textOf(item, Array.isArray(value) ? origin.typed(index) : undefined))
}

/** Items of a list in one text: a JSON array, else a line each, else between commas. */
function split(text: string): unknown[] {
  if (text.trimStart().startsWith('[')) {
    try {
      const parsed: unknown = JSON.parse(text)
      if (Array.isArray(parsed)) return parsed
    } catch {
      // A regular expression may start with a bracket, too.
    }
  }
  const items = text.includes('\n') ? text.split('\n') : text.split(',')
  return items.map((item) => item.trim()).filter((item) => item !== '')
}
