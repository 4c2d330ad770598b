import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type { Approver, Decision } from './approval.ts'
import { type AgentLine, type InputLine, parseInputLine } from './protocol.ts'

/** stdin as NDJSON, with `--require-approval`. */
export interface Pipes extends Disposable {
  /** The content of the first task line; undefined when the input ends without one. */
  task(): Promise<string | undefined>
  /** Prints an approval_request and waits for the response with its id. The end of the input is a refusal. */
  readonly approve: Approver
}

export interface PipesOptions {
  readonly input: Readable
  readonly emit: (line: AgentLine) => void
  /** Receives a sentence about a line that is not understood. */
  readonly warn: (message: string) => void
}

const ENDED: Decision = { approved: false, feedback: 'The input ended before an answer came.' }

/** Starts to read. Disposing stops it, so that an input which stays open does not keep the process. */
export function openPipes({ input, emit, warn }: PipesOptions): Pipes {
  const open = new Map<string, (decision: Decision) => void>()
  const task = Promise.withResolvers<string | undefined>()
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })
  let ended = false
  let count = 0

  function take(line: InputLine): void {
    if (line.type === 'task') {
      task.resolve(line.content)
      return
    }
    const { tool_call_id, approved, feedback } = line
    // A response that nobody waits for is late or a guess: it changes nothing.
    open.get(tool_call_id)?.({ approved, ...(feedback === undefined ? {} : { feedback }) })
  }

  lines.on('line', (text) => {
    count += 1
    if (text.trim() === '') return
    const line = parseInputLine(text)
    if (line === undefined)
      warn(`Line ${count} of the input is neither a task nor an approval_response; it is ignored.`)
    else take(line)
  })
  function end(): void {
    if (ended) return
    ended = true
    task.resolve(undefined)
    for (const decide of open.values()) decide(ENDED)
  }
  lines.on('close', end)
  input.on('error', end)

  const approve: Approver = async ({ call, description }, signal) => {
    signal.throwIfAborted()
    if (ended) return ENDED
    const answer = Promise.withResolvers<Decision>()
    const stop = () => answer.reject(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
    open.set(call.id, answer.resolve)
    emit({
      type: 'approval_request',
      tool_name: call.function.name,
      tool_args: call.function.arguments,
      tool_call_id: call.id,
      ...(description === undefined ? {} : { description }),
    })
    try {
      return await answer.promise
    } finally {
      signal.removeEventListener('abort', stop)
      open.delete(call.id)
    }
  }

  return {
    task: () => task.promise,
    approve,
    [Symbol.dispose]() {
      lines.close()
      input.destroy()
    },
  }
}
