/** What a parameter may be; each dialect says how it is sent. A list of texts is one parameter. */
export type SqlValue = string | number | boolean | Date | null | undefined | readonly (string | null)[]

/** A piece of SQL with its parameters. Made by the `sql` tag, so that no value ever stands in the text. */
export class Statement {
  /** One more than there are values. */
  readonly strings: readonly string[]
  readonly values: readonly SqlValue[]

  constructor(strings: readonly string[], values: readonly SqlValue[]) {
    this.strings = strings
    this.values = values
  }

  /** The text with a placeholder for each value; `placeholder` is given its number, from 1. */
  text(placeholder: (position: number) => string): string {
    let text = this.strings[0] ?? ''
    for (let n = 1; n < this.strings.length; n++) text += placeholder(n) + this.strings[n]
    return text
  }
}

/** A template whose interpolations become parameters; statements inside it become part of the text. */
export function sql(strings: TemplateStringsArray, ...values: readonly (SqlValue | Statement)[]): Statement {
  const parts = [strings[0] ?? '']
  const flat: SqlValue[] = []
  for (const [index, value] of values.entries()) {
    const after = strings[index + 1] ?? ''
    if (value instanceof Statement) {
      parts[parts.length - 1] += value.strings[0] ?? ''
      parts.push(...value.strings.slice(1))
      flat.push(...value.values)
      parts[parts.length - 1] += after
    } else {
      flat.push(value)
      parts.push(after)
    }
  }
  return new Statement(parts, flat)
}

/** Text that stands in the program: names of tables and columns, keywords. Never something that was read. */
export function raw(text: string): Statement {
  return new Statement([text], [])
}

/** The pieces with `separator` between them. */
export function join(pieces: readonly Statement[], separator = ', '): Statement {
  const strings = ['']
  const values: SqlValue[] = []
  for (const [index, piece] of pieces.entries()) {
    const [first = '', ...rest] = piece.strings
    strings[strings.length - 1] += index === 0 ? first : separator + first
    strings.push(...rest)
    values.push(...piece.values)
  }
  return new Statement(strings, values)
}
