import { EndlessAnswer, MAX_TURN } from './turn-assembly.ts'

/** One server-sent event: its name (`message` when it has none) and its data lines joined. */
export interface ServerSentEvent {
  readonly name: string
  readonly data: string
}

/**
 * Reads server-sent events (WHATWG HTML, "Server-sent events") from a response body.
 *
 * Events may be cut anywhere, also inside a character. A last event without its blank line counts. `onActivity` is
 * called for every piece that arrives, comments included. Throws an EndlessAnswer for a line over 8 Mi characters.
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

/** Characters of one line; a longer one is no event of a model. */
const MAX_LINE = MAX_TURN

async function* readLines(body: AsyncIterable<Uint8Array>, onActivity: () => void) {
  const decoder = new TextDecoder()
  /** Pieces of a line whose end has not come: joined once, since a line may come in thousands of them. */
  let begun: string[] = []
  let length = 0
  let heldReturn = ''
  for await (const piece of body) {
    onActivity()
    const text = heldReturn + decoder.decode(piece, { stream: true })
    // A carriage return at the very end may be the first half of a line end: it waits for the next piece.
    heldReturn = text.endsWith('\r') ? '\r' : ''
    const lines = (heldReturn === '' ? text : text.slice(0, -1)).split(/\r\n|\n|\r/)
    const rest = lines.pop() ?? ''
    const [first] = lines
    if (first !== undefined) {
      yield begun.join('') + first
      yield* lines.slice(1)
      begun = []
      length = 0
    }
    begun.push(rest)
    length += rest.length
    if (length > MAX_LINE) throw new EndlessAnswer()
  }
  const last = begun.join('') + decoder.decode()
  if (last !== '') yield last
}
