import type { ModelEvent, ToolCall } from '#gateway/model.ts'
import { cleanText } from './clean-text.ts'
import type { LoopEvent, TokenUsage } from './loop.ts'

/** One answer of the model while it arrives. */
export class Turn {
  content = ''
  finish = ''
  #reasoning = ''
  #calls: ToolCall[] = []
  #usage: TokenUsage | undefined

  take(event: ModelEvent): void {
    switch (event.type) {
      case 'content':
        this.content += event.text
        break
      case 'reasoning':
        this.#reasoning += event.text
        break
      case 'tool_call':
        this.#calls.push({
          id: event.id,
          type: 'function',
          function: { name: event.name, arguments: event.arguments },
        })
        break
      case 'usage':
        this.#usage = event
        break
      case 'finish':
        this.finish = event.reason
        break
      case 'reset':
        this.content = ''
        this.#reasoning = ''
        this.#calls = []
        this.#usage = undefined
    }
  }

  /** The message as it is sent back and stored. Ids become unique in the run: answers and approvals go by them. */
  message(ids: Set<string>, { withCalls }: { withCalls: boolean }): Extract<LoopEvent, { type: 'assistant' }> {
    const calls = withCalls ? this.#calls.map((call) => withUniqueId(call, ids)) : []
    return {
      type: 'assistant',
      message: {
        role: 'assistant',
        content: cleanText(this.content),
        ...(this.#reasoning === '' ? {} : { reasoning_content: cleanText(this.#reasoning) }),
        ...(calls.length === 0 ? {} : { tool_calls: calls }),
      },
      usage: this.#usage,
    }
  }
}

function withUniqueId(call: ToolCall, ids: Set<string>): ToolCall {
  const given = cleanText(call.id)
  let id = given
  for (let n = 2; ids.has(id); n += 1) id = `${given}_${n}`
  ids.add(id)
  return {
    ...call,
    id,
    function: { name: cleanText(call.function.name), arguments: cleanText(call.function.arguments) },
  }
}
