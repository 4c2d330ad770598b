import type { ModelClient, ModelEvent, ModelRequest } from '#gateway/model.ts'

/** One answer: its events, or what happens instead. */
export type RecordedTurn = readonly ModelEvent[] | ((request: ModelRequest) => AsyncIterable<ModelEvent>)

export interface RecordedModel extends ModelClient {
  /** The requests in order, as they were sent. */
  readonly requests: ModelRequest[]
}

/** Plays one turn for each request; a request beyond the last is an error. */
export function recordedModel(...turns: RecordedTurn[]): RecordedModel {
  const requests: ModelRequest[] = []
  return {
    requests,
    async *stream(request) {
      const turn = turns[requests.length]
      requests.push({ ...request, messages: [...request.messages] })
      if (turn === undefined) throw new Error(`there is no recorded turn ${requests.length}`)
      request.signal.throwIfAborted()
      yield* typeof turn === 'function' ? turn(request) : turn
    },
    listModels: async () => ['test/model'],
  }
}

export const usage: ModelEvent = { type: 'usage', promptTokens: 10, completionTokens: 5, totalTokens: 15 }

/** A turn of text. */
export function says(text: string): ModelEvent[] {
  return [{ type: 'content', text }, usage, { type: 'finish', reason: 'stop' }]
}

/** A turn of tool calls with the ids c1, c2, … */
export function calls(...made: [name: string, args: unknown][]): ModelEvent[] {
  return [
    ...made.map(([name, args], index): ModelEvent => {
      const text = typeof args === 'string' ? args : JSON.stringify(args)
      return { type: 'tool_call', id: `c${index + 1}`, name, arguments: text }
    }),
    usage,
    { type: 'finish', reason: 'tool_calls' },
  ]
}

/** A turn that says something and then hangs until it is aborted. */
export function hangs(text: string) {
  return async function* (request: ModelRequest): AsyncGenerator<ModelEvent> {
    yield { type: 'content', text }
    await new Promise((_, reject) => {
      const stop = () => reject(request.signal.reason)
      if (request.signal.aborted) stop()
      request.signal.addEventListener('abort', stop, { once: true })
    })
  }
}
