import { matchExpression, type Scenario, type ScenarioLibrary, type ScenarioTurn } from './scenario.ts'

/** As much of a chat completion request as decides what is played. */
export interface AskedCompletion {
  readonly model?: string
  readonly stream?: boolean
  readonly messages?: readonly { readonly role?: string; readonly content?: unknown }[]
}

/** The turn to play, with its texts filled in. */
export interface PlayedTurn {
  /** Unset when nothing matched. */
  readonly scenario: string | undefined
  /** The number of the turn, from 0: the assistant messages since the user message that matched. */
  readonly number: number
  readonly turn: ScenarioTurn
}

const DEFAULT_FALLBACK: ScenarioTurn = { content: 'Done.' }
const DEFAULT_CHUNK_SIZE = 16

/** Compiles the expressions once. Throws an Error for a bad one. */
export function compileLibrary(library: ScenarioLibrary): (request: AskedCompletion) => PlayedTurn {
  const compiled = library.scenarios.map((scenario) => ({ scenario, expression: matchExpression(scenario.match) }))
  const fallback = library.fallback ?? DEFAULT_FALLBACK
  return (request) => {
    const { text, number } = lastUserMessage(request)
    for (const { scenario, expression } of compiled) {
      const match = expression.exec(text)
      if (match === null) continue
      const turn = scenario.turns[number]
      return { scenario: scenario.name, number, turn: turn ? filledIn(scenario, turn, match) : fallback }
    }
    return { scenario: undefined, number, turn: fallback }
  }
}

/**
 * What a request for a title or a summary gets, which no scenario is about: the first words of what it tells. A scenario
 * named `infer-title` or `infer-summary` may say something else with its first turn.
 */
export function errandOf(library: ScenarioLibrary, purpose: string, request: AskedCompletion): PlayedTurn {
  const name = `infer-${purpose}`
  const own = library.scenarios.find((scenario) => scenario.name === name)?.turns[0]
  const words = (request.messages ?? []).flatMap(({ role, content }) => (role === 'user' ? [textOf(content)] : []))
  const said = words
    .join(' ')
    .replaceAll(/<[^<>]*>/g, ' ')
    .replace(/^\s*user:/i, '')
  // Of a whole conversation a title takes what the person said first.
  const part = purpose === 'title' ? (said.split(/\n\s*assistant:/i)[0] ?? said) : said
  const line = part
    .trim()
    .split(/\s+/)
    .slice(0, purpose === 'title' ? 6 : 40)
    .join(' ')
  const content = purpose === 'title' ? line : `In short: ${line}`
  return { scenario: own === undefined ? undefined : name, number: 0, turn: own ?? { content } }
}

/** The frames of a streamed turn, without `[DONE]`; a string is sent as it is and is no JSON. */
export function* framesOf({ turn, number }: PlayedTurn, model: string): Generator<object | string> {
  const frame = (delta: object, finish_reason: string | null = null) => ({
    ...envelope('chat.completion.chunk', model),
    choices: [{ index: 0, delta, finish_reason }],
  })
  yield frame({ role: 'assistant', content: '' })
  if (turn.malformed) yield '{"choices":[{"delta":'
  for (const reasoning_content of fragments(turn.reasoning ?? '', turn)) yield frame({ reasoning_content })
  for (const content of fragments(turn.content ?? '', turn)) yield frame({ content })
  for (const [index, call] of toolCalls(turn, number).entries()) {
    const { name, arguments: args } = call.function
    yield frame({ tool_calls: [{ index, id: call.id, type: call.type, function: { name, arguments: '' } }] })
    // At least two pieces, so that putting them together is always exercised.
    const size = Math.min(turn.chunk_size || DEFAULT_CHUNK_SIZE, Math.ceil(args.length / 2))
    for (const piece of cut(args, size)) {
      yield frame({ tool_calls: [{ index, function: { arguments: piece } }] })
    }
  }
  yield frame({}, finishReason(turn))
  yield { ...envelope('chat.completion.chunk', model), choices: [], usage: usageOf(turn) }
}

/** The same turn as one JSON answer. */
export function completionOf({ turn, number }: PlayedTurn, model: string): object {
  const calls = toolCalls(turn, number)
  const message = {
    role: 'assistant',
    content: turn.content ?? '',
    ...(turn.reasoning ? { reasoning_content: turn.reasoning } : {}),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  }
  return {
    ...envelope('chat.completion', model),
    choices: [{ index: 0, message, finish_reason: finishReason(turn) }],
    usage: usageOf(turn),
  }
}

/** The text that scenarios are matched against; reminders that a program slips in as user messages are passed over. */
function lastUserMessage({ messages = [] }: AskedCompletion): { text: string; number: number } {
  let number = 0
  for (const message of messages.toReversed()) {
    if (message.role === 'assistant') number += 1
    if (message.role !== 'user') continue
    const text = textOf(message.content)
    if (!text.includes('<system-reminder>')) return { text, number }
  }
  return { text: '', number }
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  return content.map((part: { text?: unknown } | null) => (typeof part?.text === 'string' ? part.text : '')).join('')
}

function filledIn(scenario: Scenario, turn: ScenarioTurn, match: RegExpExecArray): ScenarioTurn {
  if (!scenario.expand) return turn
  const fill = (value: unknown): unknown => {
    if (typeof value === 'string') {
      return value.replace(/\$(\$|\d)/g, (_, name: string) => (name === '$' ? '$' : (match[Number(name)] ?? '')))
    }
    if (Array.isArray(value)) return value.map(fill)
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, fill(inner)]))
  }
  return fill(turn) as ScenarioTurn
}

function toolCalls(turn: ScenarioTurn, number: number) {
  return (turn.tool_calls ?? []).map((call, index) => ({
    id: `call_${number}_${index}`,
    type: 'function',
    function: { name: call.name, arguments: JSON.stringify(call.args ?? {}) },
  }))
}

function finishReason(turn: ScenarioTurn): string {
  return turn.tool_calls?.length ? 'tool_calls' : 'stop'
}

function usageOf({ usage }: ScenarioTurn) {
  const prompt_tokens = usage?.prompt_tokens ?? (usage ? 0 : 10)
  const completion_tokens = usage?.completion_tokens ?? (usage ? 0 : 5)
  return { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens }
}

function envelope(object: string, model: string) {
  return { id: 'chatcmpl-scripted', object, created: Math.floor(Date.now() / 1000), model }
}

function fragments(text: string, turn: ScenarioTurn): Generator<string> {
  return cut(text, turn.chunk_size || DEFAULT_CHUNK_SIZE)
}

/** Pieces of so many characters; none is cut in two. */
function* cut(text: string, size: number): Generator<string> {
  const characters = Array.from(text)
  for (let at = 0; at < characters.length; at += size) yield characters.slice(at, at + size).join('')
}
