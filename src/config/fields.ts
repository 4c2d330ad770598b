import * as z from 'zod/mini'

/** How a value is written: what text from the environment or a quoted YAML value may become, and what must not be shown. */
export type FieldKind =
  | 'text'
  | 'path'
  | 'secret'
  | 'url'
  | 'choice'
  | 'duration'
  | 'flag'
  | 'whole'
  | 'number'
  | 'texts'
  | 'wholes'
  | 'patterns'

/** What the schema knows about one setting besides its type and default. */
export interface Field {
  readonly kind: FieldKind
  /** Ends the sentence "…; allowed: ". */
  readonly allowed: string
  /** One line for the seeded files. */
  readonly help: string
  /** Values with an explanation of their own why they are refused. */
  readonly refused?: Readonly<Record<string, string>>
  /** Reads a value that only another program knows; undefined leaves it to the schema. */
  readonly foreign?: (text: string) => string | undefined
}

type Leaf = z.core.$ZodType
const FIELDS = new WeakMap<Leaf, Field>()

/** What is known about a setting; throws for a schema that is no setting, which is a fault in the schema. */
export function fieldOf(leaf: Leaf): Field {
  const field = FIELDS.get(leaf)
  if (field === undefined) throw new TypeError('a schema node without a field description')
  return field
}

function field<T extends z.ZodMiniType>(type: T, initial: z.output<T>, description: Field): z.ZodMiniDefault<T> {
  const leaf = z._default(type, initial as never)
  FIELDS.set(leaf, description)
  return leaf
}

export const text = (initial: string, help: string) =>
  field(z.string(), initial, { kind: 'text', allowed: 'text', help })

/** A file or directory; `~` is the home directory, see `resolvePath`. */
export const path = (initial: string, help: string) =>
  field(z.string(), initial, { kind: 'path', allowed: 'a path', help })

/** Never shown in an error, masked by `config get`, written to the user's file only. */
export const secret = (help: string) => field(z.string(), '', { kind: 'secret', allowed: 'text', help })

export function url(initial: string, schemes: readonly string[], help: string) {
  const address = z
    .string()
    .check(
      z.refine((value) => (value === '' ? initial === '' : schemes.some((scheme) => value.startsWith(`${scheme}://`)))),
    )
  const allowed = `an address that starts with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}`
  return field(address, initial, { kind: 'url', allowed, help })
}

export function choice<const T extends readonly string[]>(
  values: T,
  initial: T[number],
  help: string,
  more: Pick<Field, 'refused' | 'foreign'> = {},
) {
  return field(z.enum(values), initial as never, { kind: 'choice', allowed: values.join(', '), help, ...more })
}

const DURATION = /^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/

/** A Go duration, kept as it was written: whoever uses it parses it. */
export const duration = (initial: string, help: string) =>
  field(z.string().check(z.regex(DURATION)), initial, {
    kind: 'duration',
    allowed: 'a duration such as 90s, 30m or 1h30m',
    help,
  })

export const flag = (initial: boolean, help: string) =>
  field(z.boolean(), initial, { kind: 'flag', allowed: 'true or false', help })

export function whole(initial: number, help: string, { min = 0, max }: { min?: number; max?: number } = {}) {
  const type = z.int().check(z.gte(min), ...(max === undefined ? [] : [z.lte(max)]))
  const allowed = max === undefined ? `a whole number, ${min} or more` : `a whole number from ${min} to ${max}`
  return field(type, initial, { kind: 'whole', allowed, help })
}

export function number(initial: number, help: string, { min = 0 }: { min?: number } = {}) {
  return field(z.number().check(z.gte(min)), initial, { kind: 'number', allowed: `a number, ${min} or more`, help })
}

export const texts = (initial: string[], help: string) =>
  field(z.array(z.string()), initial, { kind: 'texts', allowed: 'a list of texts', help })

export const wholes = (initial: number[], help: string, { min, max }: { min: number; max: number }) =>
  field(z.array(z.int().check(z.gte(min), z.lte(max))), initial, {
    kind: 'wholes',
    allowed: `a list of whole numbers from ${min} to ${max}`,
    help,
  })

/** Regular expressions; `(?i)` at the start is understood, as Go writes it. */
export const patterns = (initial: string[], help: string) =>
  field(z.array(z.string().check(z.refine(isPattern))), initial, {
    kind: 'patterns',
    allowed: 'a list of regular expressions',
    help,
  })

function isPattern(source: string): boolean {
  try {
    new RegExp(source.replace(/^\(\?i\)/, ''))
    return true
  } catch {
    return false
  }
}
