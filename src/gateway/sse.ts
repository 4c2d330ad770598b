/** One server-sent event: its name (`message` when it has none) and its data lines joined. */
export interface ServerSentEvent {
  readonly name: string
  readonly data: string
}

/**
 * Reads server-sent events (WHATWG HTML, "Server-sent events") from a response body.
 *
 * Events may be cut anywhere, also inside a character. A last event without its blank line counts. `onActivity` is
 * called for every piece that arrives, comments included.
 */
export async function* readServerSentEvents(
  body: AsyncIterable<Uint8Array>,
  onActivity: () => void,
): AsyncGenerator<ServerSentEvent, void, undefined> {
  let name = ''
  let data: string[] = []
  const take = (): ServerSentEvent | undefined => {
    const event = data.length === 0 ? undefined : { name: name === '' ? 'message' : name, data: data.join('\n') }
    name = ''
    data = []
    return event
  }
  for await (const line of readLines(body, onActivity)) {
    if (line === '') {
      const event = take()
      if (event !== undefined) yield event
      continue
    }
    const colon = line.indexOf(':')
    const field = colon === -1 ? line : line.slice(0, colon)
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'data') data.push(value)
    else if (field === 'event') name = value
  }
  const last = take()
  if (last !== undefined) yield last
}

async function* readLines(body: AsyncIterable<Uint8Array>, onActivity: () => void) {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const piece of body) {
    onActivity()
    rest += decoder.decode(piece, { stream: true })
    // A carriage return at the very end may be the first half of a line end: it waits for the next piece.
    const lines = rest.split(/\r\n|\n|\r(?!$)/)
    rest = lines.pop() ?? ''
    yield* lines
  }
  rest += decoder.decode()
  if (rest !== '') yield* rest.replace(/\r$/, '').split(/\r\n|\n|\r/)
}
