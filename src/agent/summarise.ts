import { InferError } from '#errors.ts'
import type { ChatMessage, ModelClient, Purpose } from '#gateway/model.ts'
import type { ConversationEntry } from '#storage/contract/conversations.ts'
import { cleanText } from './clean-text.ts'
import { contextWindowOf } from './context-size.ts'
import type { TokenUsage } from './loop.ts'
import { messagesOf } from './messages.ts'
import { summariseCall } from './protocol.ts'

export interface Asking {
  readonly client: ModelClient
  readonly model: string
  readonly maxTokens: number
  readonly signal: AbortSignal
}

export interface Words {
  readonly text: string
  readonly usage: TokenUsage | undefined
}

/** What the model says to one question without tools. Throws what the client throws, and E_FAILED for no words. */
export async function askForWords(
  purpose: Purpose,
  [system, user]: readonly [system: string, user: string],
  { client, ...asking }: Asking,
): Promise<Words> {
  const messages: ChatMessage[] = [
    { role: 'system', content: system },
    { role: 'user', content: user },
  ]
  let text = ''
  let usage: TokenUsage | undefined
  for await (const event of client.stream({ ...asking, messages, tools: [], purpose })) {
    if (event.type === 'content') text += event.text
    else if (event.type === 'usage') usage = event
    else if (event.type === 'reset') text = ''
  }
  const clean = cleanText(text).trim()
  if (clean === '') throw new InferError('E_FAILED', `The model ${asking.model} answered without words.`)
  return { text: clean, usage }
}

const INSTRUCTIONS = `You write the summary with which an AI agent goes on after the conversation so far was taken away
from it. Keep what it needs: what the person wants and how, decisions and their reasons, what was done with which
result, files, commands, names, numbers and errors as they were, what is still open and what comes next. Leave out
greetings and what was superseded. Write plain markdown, in the language of the conversation, and nothing but the summary.`

/** Longest part of one message that is shown to the summary, in characters. */
const LONGEST_MESSAGE = 4_000
const LEAST_TRANSCRIPT = 8_000

/** The model has made no summary; nothing has changed. */
export class SummaryError extends InferError {}

/**
 * A summary of messages by the model. However long they are, the question fits into half of the context. Throws a
 * SummaryError that says why there is none, or the signal's reason once it is aborted.
 */
export async function summarise(entries: readonly ConversationEntry[], asking: Asking): Promise<Words> {
  const window = await contextWindowOf(asking.client, asking.model, asking.signal)
  const text = cutInside(transcriptOf(entries, LONGEST_MESSAGE), Math.max(LEAST_TRANSCRIPT, 2 * window))
  try {
    return await askForWords('summary', [INSTRUCTIONS, text], asking)
  } catch (error) {
    asking.signal.throwIfAborted()
    const { code, hint, message } = error as Partial<InferError> & Error
    throw new SummaryError(code ?? 'E_FAILED', `Older messages could not be summarised: ${message}`, {
      ...(hint === undefined ? {} : { hint }),
    })
  }
}

/** What was said and done, for somebody who reads it; each message at most so many characters. */
export function transcriptOf(entries: readonly ConversationEntry[], longest: number): string {
  const parts = messagesOf(entries).map((message) => {
    const calls = message.role === 'assistant' ? (message.tool_calls ?? []).map(summariseCall) : []
    const text = [cutInside(message.content, longest), ...calls.map((call) => `-> ${call}`)].join('\n').trim()
    return `${message.role}:\n${text}`
  })
  return parts.join('\n\n')
}

/** The beginning and the end of a text that is too long. */
export function cutInside(text: string, longest: number): string {
  if (text.length <= longest) return text
  const half = Math.floor(longest / 2)
  return cleanText(`${text.slice(0, half)}\n[… ${text.length - 2 * half} characters left out …]\n${text.slice(-half)}`)
}

const OPENING = 'The earlier part of this conversation was left out to make room. This is its summary:'

/**
 * The message in which a summary stands. Its tag tells the model that the person did not write it, and `summary` the
 * program that it is none of the person's messages.
 */
export function summaryEntry(summary: string, at: Date): ConversationEntry {
  const content = `<system-reminder>\n${OPENING}\n\n${summary}\n</system-reminder>`
  return { message: { content, role: 'user' }, time: at.toISOString(), summary: true }
}

export function isSummary(entry: ConversationEntry): boolean {
  return entry.summary === true
}
