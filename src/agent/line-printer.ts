import { randomUUID } from 'node:crypto'
import type { LoopEvent, TokenUsage } from './loop.ts'
import type { OpenedSession } from './open-session.ts'
import { costOf, type Prices } from './pricing.ts'
import { type AgentLine, type StatsLine, summariseCall, timestamp, type WireToolCall } from './protocol.ts'

export interface LinePrinterOptions {
  readonly emit: (line: AgentLine) => void
  /** Receives a line about each step. */
  readonly detail?: (text: string) => void
  readonly prices: Prices
}

/** Turns what happens into lines, and counts. */
export class LinePrinter {
  model = ''
  output = ''
  readonly #options: LinePrinterOptions
  readonly #started = performance.now()
  #requests = 0
  #promptTokens = 0
  #completionTokens = 0
  #totalTokens = 0
  #toolCalls = 0

  constructor(options: LinePrinterOptions) {
    this.#options = options
  }

  /** `rolled`: after a rollover, which makes a new session one that has begun already. */
  opened({ session, resumed }: OpenedSession, rolled = false): void {
    const common = { session_id: session.id, model: this.model, ...timestamp() }
    this.#options.emit(
      resumed || rolled
        ? { type: 'info', message: 'Resumed agent session', message_count: session.length, ...common }
        : { type: 'info', message: 'Starting new agent session', ...common },
    )
  }

  warn(message: string): void {
    this.#options.emit({ type: 'warning', message, ...timestamp() })
  }

  user(content: string): void {
    this.#options.emit({ role: 'user', content, ...timestamp() })
  }

  event(event: LoopEvent): void {
    switch (event.type) {
      case 'retry': {
        const { reason, delayMs, attempt, maxAttempts } = event
        this.warn(`${reason} Attempt ${attempt} of ${maxAttempts} follows in ${delayMs / 1000} s.`)
        return
      }
      case 'warning':
        this.warn(event.message)
        return
      case 'assistant':
        this.#assistant(event)
        return
      case 'tool':
        this.#toolCalls += 1
        this.#detail(`${summariseCall(event.call)}: ${event.outcome.kind}, ${ms(event.outcome.durationMs)}`)
        this.#options.emit({ role: 'tool', content: event.content, tool_call_id: event.call.id, ...timestamp() })
        return
      case 'compacted': {
        this.#count(event.usage)
        const message = `Compacted the conversation: ${event.summarised} older messages became a summary.`
        this.#options.emit({ type: 'info', message, ...timestamp() })
        return
      }
      case 'rolled_over':
        if (event.usage) this.#count(event.usage)
        this.#options.emit({
          type: 'info',
          message: `Rolled over to new session (${event.summary ? 'summary preserved' : 'no summary could be made'})`,
          previous_session_id: event.previousSessionId,
          new_session_id: event.newSessionId,
          ...timestamp(),
        })
        return
      case 'end':
        if (event.reason === 'tool') this.#ended(event.text)
        return
    }
  }

  stats(sessionId: string): StatsLine {
    const { prices } = this.#options
    const { input, output } = costOf(prices, this.model, this.#promptTokens, this.#completionTokens)
    return {
      type: 'session_stats',
      message: 'Session complete',
      session_id: sessionId,
      model: this.model,
      requests: this.#requests,
      prompt_tokens: this.#promptTokens,
      completion_tokens: this.#completionTokens,
      total_tokens: this.#totalTokens,
      tool_calls: this.#toolCalls,
      duration_ms: Math.round(performance.now() - this.#started),
      cost: { input, output, total: input + output, currency: prices.currency },
      ...timestamp(),
    }
  }

  #assistant({ message, usage }: Extract<LoopEvent, { type: 'assistant' }>): void {
    const { content, reasoning_content } = message
    const calls = (message.tool_calls ?? []).map(wireCall)
    this.#count(usage)
    if (content !== '') this.output = content
    this.#detail(`answer ${this.#requests} of ${this.model} after ${ms(performance.now() - this.#started)}`)
    this.#options.emit({
      role: 'assistant',
      content,
      ...(reasoning_content === undefined ? {} : { reasoning_content }),
      ...(calls.length === 0 ? {} : { tool_calls: calls, tools: calls.map(summariseCall) }),
      ...(usage === undefined
        ? {}
        : {
            token_usage: {
              prompt_tokens: usage.promptTokens,
              completion_tokens: usage.completionTokens,
              total_tokens: usage.totalTokens,
            },
          }),
      ...timestamp(),
      request_id: randomUUID(),
    })
  }

  #count(usage: TokenUsage | undefined): void {
    this.#requests += 1
    this.#promptTokens += usage?.promptTokens ?? 0
    this.#completionTokens += usage?.completionTokens ?? 0
    this.#totalTokens += usage?.totalTokens ?? 0
  }

  #ended(text: string): void {
    this.output = text
    this.#options.emit({ type: 'info', message: text, ...timestamp() })
  }

  #detail(text: string): void {
    this.#options.detail?.(text)
  }
}

function wireCall(call: { id: string; function: { name: string; arguments: string } }): WireToolCall {
  const { name, arguments: args } = call.function
  return { id: call.id, type: 'function', function: { name, arguments: args } }
}

function ms(duration: number): string {
  return `${Math.round(duration)} ms`
}
