const PREFIX = 'infer://plans/'

export function planUri(id: string): string {
  return `${PREFIX}${id}`
}

/** The id that a plan URI names; undefined for any other text. */
export function planIdOf(uri: string): string | undefined {
  return uri.startsWith(PREFIX) ? uri.slice(PREFIX.length) : undefined
}
