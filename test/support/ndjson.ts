const DATE = '$date'
const UNDEFINED = '$undefined'

/** One line of JSON in which dates and maps survive. */
export function encode(value: unknown): string {
  return JSON.stringify(value, function (this: Record<string, unknown>, key, item: unknown) {
    const original = this[key]
    if (original instanceof Date) return { [DATE]: original.toISOString() }
    if (original instanceof Map) return { $map: [...original] }
    return item === undefined ? { [UNDEFINED]: true } : item
  })
}

export function decode(line: string): unknown {
  return JSON.parse(line, (_, item: unknown) => {
    if (typeof item !== 'object' || item === null) return item
    if (DATE in item) return new Date(String(item[DATE]))
    if ('$map' in item) return new Map(item.$map as [unknown, unknown][])
    return UNDEFINED in item ? undefined : item
  })
}
