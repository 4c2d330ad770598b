import { InputFile } from 'grammy'
import type { Update } from 'grammy/types'
import { telegramAccount } from '#channels/account.ts'
import {
  type AskedQuestion,
  type Button,
  type Channel,
  type ChannelInbox,
  type Incoming,
  MARK_LENGTH,
  type Question,
} from '#channels/channel.ts'
import { ChannelError } from '#channels/channel-error.ts'
import { pause, pauseAfter } from '#channels/pause.ts'
import { splitText } from '#channels/split-text.ts'
import type { Log } from '#log.ts'
import { MESSAGE_LIMIT, type QuestionMessage, questionMessage } from './question.ts'
import { renderHtml } from './render-html.ts'
import { TelegramApi } from './telegram-api.ts'
import { meaningOf } from './updates.ts'

/** Telegram shows "typing" for 5 s. */
const TYPING_MS = 4_500
/** A server that answers a long poll at once with nothing is asked again after this, in ms. */
const EMPTY_POLL_MS = 1_000

export interface TelegramOptions {
  readonly token: string
  /** Ids of users. */
  readonly allowedUsers: readonly string[]
  /** Seconds that one poll waits. */
  readonly pollTimeout: number
  /** See TelegramApiOptions. */
  readonly apiRoot: string
  readonly callTimeoutMs?: number
  readonly log: Log
}

/** A bot of Telegram, by long polling: private chats with the users of its list, who are their own recipients. */
export class Telegram implements Channel {
  readonly name = 'telegram'
  readonly account: string
  readonly #options: TelegramOptions
  readonly #api: TelegramApi
  readonly #users: ReadonlySet<string>
  readonly #strangers = new Set<string>()

  constructor(options: TelegramOptions) {
    this.#options = options
    this.#api = new TelegramApi(options)
    this.#users = new Set(options.allowedUsers.map((user) => user.trim()))
    this.account = telegramAccount(options.token)
  }

  allows(recipient: string): boolean {
    return this.#users.has(recipient)
  }

  async start(inbox: ChannelInbox, signal: AbortSignal): Promise<void> {
    const polls = this.#polls(inbox.offset, signal)
    for await (const updates of polls) {
      const next = Math.max(...updates.map(({ update_id }) => update_id)) + 1
      await inbox.accept(this.#incoming(updates), next)
    }
  }

  /** Non-empty batches, each behind the one before. */
  async *#polls(from: number | undefined, signal: AbortSignal): AsyncGenerator<Update[]> {
    let offset = from
    for (let failures = 0, ready = false; !signal.aborted; ) {
      try {
        if (!ready) await this.#begin(signal)
        ready = true
        const begun = performance.now()
        const updates = await this.#poll(offset, signal)
        failures = 0
        if (updates.length === 0 && performance.now() - begun < EMPTY_POLL_MS) await pause(EMPTY_POLL_MS, signal)
        if (updates.length === 0 || signal.aborted) continue
        offset = Math.max(...updates.map(({ update_id }) => update_id)) + 1
        yield updates
      } catch (error) {
        if (!(error instanceof ChannelError)) throw error
        failures += 1
        await pause(pauseAfter(error, failures), signal)
      }
    }
  }

  async #begin(signal: AbortSignal): Promise<void> {
    const me = await this.#api.call((api, stop) => api.getMe(stop), signal, { part: 'receive' })
    await this.#api.call((api, stop) => api.deleteWebhook({}, stop), signal, { part: 'receive' })
    this.#options.log.info('receiving from Telegram', { bot: me.username })
  }

  async #poll(offset: number | undefined, signal: AbortSignal): Promise<Update[]> {
    const { pollTimeout } = this.#options
    const request = {
      timeout: pollTimeout,
      allowed_updates: ['message', 'callback_query'] as const,
      ...(offset !== undefined && { offset }),
    }
    const waitMs = pollTimeout * 1_000
    return await this.#api.call((api, stop) => api.getUpdates(request, stop), signal, { waitMs, part: 'receive' })
  }

  #incoming(updates: readonly Update[]): Incoming[] {
    return updates.flatMap((update) => {
      const meaning = meaningOf(update, (user) => this.allows(user))
      if (meaning.kind === 'stranger') this.#noteStranger(meaning.reason)
      return meaning.kind === 'incoming' ? [meaning.incoming] : []
    })
  }

  /** Never answered; said once at each start. */
  #noteStranger(reason: string): void {
    const { log } = this.#options
    const message = `a message was not answered: ${reason}`
    if (this.#strangers.has(reason)) log.debug(message)
    else log.warn(message)
    this.#strangers.add(reason)
  }

  split(markdown: string): readonly string[] {
    const parts = splitText(markdown, MESSAGE_LIMIT - MARK_LENGTH)
    return parts.filter(({ body }) => body.trim() !== '').map(({ opening, body, closing }) => opening + body + closing)
  }

  async send({ recipient, text }: { recipient: string; text: string }, signal: AbortSignal): Promise<void> {
    const plain = { link_preview_options: { is_disabled: true } }
    const html = renderHtml(text)
    try {
      if (html === '') throw new ChannelError('format', 'nothing is left of the text')
      const formatted = { ...plain, parse_mode: 'HTML' as const }
      await this.#api.call((api, stop) => api.sendMessage(recipient, html, formatted, stop), signal)
    } catch (error) {
      if (!(error instanceof ChannelError && error.kind === 'format')) throw error
      await this.#api.call((api, stop) => api.sendMessage(recipient, text, plain, stop), signal)
    }
  }

  showWorking(recipient: string, signal: AbortSignal): void {
    const show = async () => {
      while (!signal.aborted) {
        await this.#api.call((api, stop) => api.sendChatAction(recipient, 'typing', {}, stop), signal).catch(() => {})
        await pause(TYPING_MS, signal)
      }
    }
    void show()
  }

  async ask(question: Question, signal: AbortSignal): Promise<AskedQuestion> {
    const { recipient, approval } = question
    const { text, entities, file } = questionMessage(question)
    if (file) {
      const document = new InputFile(Buffer.from(file.content), file.name)
      const caption = { caption: `SHA-256 ${file.sha256}` }
      await this.#api.call((api, stop) => api.sendDocument(recipient, document, caption, stop), signal)
    }
    const buttons = [
      { text: 'Approve', callback_data: `y:${approval}` },
      { text: 'Reject', callback_data: `n:${approval}` },
    ]
    const more = { entities, reply_markup: { inline_keyboard: [buttons] } }
    const sent = await this.#api.call((api, stop) => api.sendMessage(recipient, text, more, stop), signal)
    return {
      settle: (outcome, ending) => this.#settle(recipient, sent.message_id, { text, entities }, outcome, ending),
    }
  }

  /** An edit without a keyboard removes it. */
  async #settle(
    recipient: string,
    id: number,
    { text, entities }: QuestionMessage,
    outcome: string,
    signal: AbortSignal,
  ): Promise<void> {
    const edited = `${text.slice(0, text.lastIndexOf('\n\n'))}\n\n${outcome}`
    await this.#api.call((api, stop) => api.editMessageText(recipient, id, edited, { entities }, stop), signal)
  }

  async answerButton(
    sender: string,
    { query, message }: Button,
    notice: string,
    stale: boolean,
    signal: AbortSignal,
  ): Promise<void> {
    // Telegram forgets a press within minutes, and then refuses the notice: the buttons go all the same.
    const more = { text: notice, show_alert: stale }
    await this.#api.call((api, stop) => api.answerCallbackQuery(query, more, stop), signal).catch(onlyRefusals)
    if (!stale || message === '') return
    const id = Number(message)
    await this.#api.call((api, stop) => api.editMessageReplyMarkup(sender, id, {}, stop), signal).catch(onlyRefusals)
  }
}

function onlyRefusals(error: unknown): void {
  if (!(error instanceof ChannelError && error.kind === 'refused')) throw error
}
