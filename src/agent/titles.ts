import { setTimeout as sleep } from 'node:timers/promises'
import type { ModelClient } from '#gateway/model.ts'
import type { ConversationEntry, ConversationMetadata, ConversationStorage } from '#storage/contract/conversations.ts'
import type { TokenUsage } from './loop.ts'
import { messagesOf } from './messages.ts'
import type { Redact } from './redact.ts'
import type { Session } from './session.ts'
import { titleOf } from './session-details.ts'
import { askForWords, cutInside, isSummary, transcriptOf } from './summarise.ts'

export interface TitleOptions {
  /** `conversation.title_generation`. */
  readonly enabled: boolean
  /** Empty: the model of the conversation. */
  readonly model: string
  /** From prompts.yaml; empty: the built-in one. */
  readonly systemPrompt: string
}

/** Who makes a title. */
export interface TitleMaker {
  readonly client: ModelClient
  readonly model: string
  readonly redact: Redact
}

const INSTRUCTIONS =
  'Give this conversation a title of two to six words, in its language, that tells it from others. ' +
  'Answer with the title alone: no quotes, no full stop.'

/** Longest title, in characters. */
const LONGEST = 80
/** Tokens of the answer: models that reason need more than the words. */
const MAX_TOKENS = 256
/** What a title is made of, in characters, of each message and in all. */
const SHOWN = { message: 1_000, all: 6_000 }

/** A conversation of somebody else gets a title when it has rested so long, in ms, and is no older than that. */
const RESTED_MS = 10 * 60_000
const RECENT_MS = 7 * 24 * 60 * 60_000
/** Conversations that are looked at for a missing title at the end of a run. */
const LOOKED_AT = 5

/**
 * Titles that a model finds in the background. A conversation is offered after an answer, and settled at the end of the
 * run; that there is none is never an error, and the conversation stays among those that need one.
 */
export class Titles {
  readonly #options: TitleOptions
  readonly #stop = new AbortController()
  readonly #offered = new Set<string>()
  #maker: TitleMaker | undefined
  #work: Promise<TokenUsage | undefined> = Promise.resolve(undefined)

  constructor(options: TitleOptions) {
    this.#options = options
  }

  /** Begins to find a title, unless the conversation has one, is not stored, or was offered before. */
  offer(session: Session, maker: TitleMaker): void {
    this.#maker = maker
    if (!this.#options.enabled || !session.needsTitle || this.#offered.has(session.id)) return
    this.#offered.add(session.id)
    const messages = session.messages.map((message) => ({ message: { ...message } }) as unknown as ConversationEntry)
    this.#work = this.#work.then(() => this.#title(messages, maker, session)).catch(() => undefined)
  }

  async #title(
    entries: readonly ConversationEntry[],
    maker: TitleMaker,
    session: Pick<Session, 'setTitle'>,
  ): Promise<TokenUsage | undefined> {
    const { model, systemPrompt } = this.#options
    const asking = { ...maker, model: model || maker.model, maxTokens: MAX_TOKENS, signal: this.#stop.signal }
    const transcript = cutInside(transcriptOf(entries, SHOWN.message), SHOWN.all)
    const { text, usage } = await askForWords('title', [systemPrompt || INSTRUCTIONS, transcript], asking)
    const title = tidy(maker.redact(text))
    if (title !== '') await session.setTitle(title)
    return usage
  }

  /**
   * Waits for what was begun, then gives one earlier conversation without a title its own; after `ms` both are given up.
   */
  async settle(ms: number, conversations: ConversationStorage, now: Date): Promise<void> {
    if (!this.#options.enabled || this.#maker === undefined) return
    const maker = this.#maker
    const work = this.#work.then(() => this.#titleAnother(conversations, maker, now)).catch(() => {})
    const over = new AbortController()
    await Promise.race([work, sleep(ms, undefined, { signal: over.signal }).catch(() => {})])
    over.abort()
    this.#stop.abort(new Error('the run has ended'))
    await work
  }

  async #titleAnother(conversations: ConversationStorage, maker: TitleMaker, now: Date): Promise<void> {
    if (this.#stop.signal.aborted) return
    for (const metadata of await conversations.listNeedingTitles(LOOKED_AT)) {
      const age = now.getTime() - metadata.updatedAt.getTime()
      if (this.#offered.has(metadata.id) || age < RESTED_MS || age > RECENT_MS) continue
      const { entries } = await conversations.load(metadata.id)
      if (!isProvisional(metadata, entries)) continue
      await this.#title(entries, maker, { setTitle: (title) => setTitle(conversations, metadata, title) })
      return
    }
  }
}

/** Whether the title is the one that this program gives while there is no better one. */
function isProvisional({ title }: ConversationMetadata, entries: readonly ConversationEntry[]): boolean {
  const asked = entries.filter(({ message }) => message.role === 'user').find((entry) => !isSummary(entry))
  const [first] = asked === undefined ? [] : messagesOf([asked])
  return title === '' || title === titleOf(first?.content ?? '')
}

async function setTitle(conversations: ConversationStorage, seen: ConversationMetadata, title: string): Promise<void> {
  const { metadata } = await conversations.load(seen.id)
  if (metadata.titleGenerated || metadata.title !== seen.title) return
  await conversations.updateMetadata(seen.id, { title, titleGenerated: true })
}

/** The first line of words, without quotes, markdown and full stop. */
function tidy(text: string): string {
  const line = text.split('\n').find((one) => /[\p{L}\p{N}]/u.test(one)) ?? ''
  const bare = line.replace(/^[\s#*"'`“”„«»]+|[\s*"'`“”„«».]+$/g, '').replaceAll(/\s+/g, ' ')
  const characters = Array.from(bare)
  return characters.length <= LONGEST ? bare : `${characters.slice(0, LONGEST - 1).join('')}…`
}
