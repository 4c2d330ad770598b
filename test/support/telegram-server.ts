import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { waitFor } from './wait-for.ts'

export const TOKEN = '123456:TEST-token_of-the_double'

type Payload = Record<string, unknown>

/** A message in a private chat, as the person sees it. */
export interface SeenMessage {
  id: number
  chat: number
  text: string
  html: boolean
  buttons: { text: string; callback_data: string }[]
  entities: { type: string; offset: number; length: number }[]
  file?: { name: string; content: string; caption: string }
}

/** How a call is answered instead; `times` counts down, without it every call is. */
export interface Trouble {
  method: string
  status?: number
  description?: string
  retryAfter?: number
  /** Never answered. */
  hang?: boolean
  /** Answered with this, which is no JSON. */
  body?: string
  /** So many calls are answered as ever before. */
  skip?: number
  times?: number
}

interface Update {
  update_id: number
  [field: string]: unknown
}

/**
 * A Bot API server (https://core.telegram.org/bots/api) for one bot: updates with offsets and long polls of which there
 * may be one, messages, edits, buttons and files, its limits on texts and formatting, and whatever trouble is wanted.
 */
export class TelegramServer implements AsyncDisposable {
  readonly messages: SeenMessage[] = []
  /** Every call, oldest first. */
  readonly calls: { method: string; payload: Payload }[] = []
  readonly notices: { query: string; text: string }[] = []
  readonly #server = createServer((request, response) => void this.#serve(request, response))
  readonly #troubles: Trouble[] = []
  #updates: Update[] = []
  #nextUpdate = 700
  #nextMessage = 1
  #poll: { answer(): void; replace(): void } | undefined

  async listen(): Promise<this> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return this
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Updates that no poll has confirmed. */
  get unconfirmed(): number {
    return this.#updates.length
  }

  /** Whether somebody waits for updates. */
  get polled(): boolean {
    return this.#poll !== undefined
  }

  trouble(trouble: Trouble): void {
    this.#troubles.push({ ...trouble })
  }

  /** Ends all trouble. */
  calm(): void {
    this.#troubles.length = 0
  }

  /** A person writes to the bot. */
  say(user: number, text: string, { chat = { id: user, type: 'private' } }: { chat?: Payload } = {}): number {
    return this.receive({ message: { ...this.#meta(user, chat), text } })
  }

  /** A person sends something that is no text. */
  sendPhoto(user: number): number {
    return this.receive({ message: { ...this.#meta(user, { id: user, type: 'private' }), photo: [] } })
  }

  /** A person presses a button of a message. */
  press(user: number, message: SeenMessage, button: string): number {
    const data = message.buttons.find(({ text }) => text === button)?.callback_data ?? button
    const chat = { id: message.chat, type: 'private' }
    const shown = { message_id: message.id, date: 0, chat, text: message.text }
    const id = this.#nextUpdate
    return this.receive({
      callback_query: { id: `q${id}`, from: person(user), chat_instance: 'c', data, message: shown },
    })
  }

  receive(update: Payload): number {
    const update_id = this.#nextUpdate
    this.#nextUpdate += 1
    this.#updates.push({ update_id, ...update })
    this.#poll?.answer()
    return update_id
  }

  /** What a person was sent, oldest first. */
  sentTo(chat: number): string[] {
    return this.messages.filter((message) => message.chat === chat).map(({ text }) => text)
  }

  /** The first message to a person, sent already or later, whose text matches. */
  async sent(chat: number, text: RegExp, timeoutMs?: number): Promise<SeenMessage> {
    const ask = () => this.messages.find((message) => message.chat === chat && text.test(message.text))
    return await waitFor(`${chat} is sent ${text}`, ask, timeoutMs).catch((error: Error) => {
      throw new Error(`${error.message}; sent: ${JSON.stringify(this.sentTo(chat))}`)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }

  #meta(user: number, chat: Payload): Payload {
    const message_id = this.#nextMessage
    this.#nextMessage += 1
    return { message_id, date: Math.floor(Date.now() / 1_000), chat, from: person(user) }
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, token, method = ''] = /^\/bot([^/]+)\/(\w+)$/.exec(request.url ?? '') ?? []
    const payload = await readPayload(request)
    this.calls.push({ method, payload })
    if (token !== TOKEN) return fail(response, 401, 'Unauthorized')
    const trouble = this.#troubleOf(method)
    if (trouble?.hang) return
    if (trouble?.body !== undefined) return void response.end(trouble.body)
    if (trouble) return fail(response, trouble.status ?? 500, trouble.description ?? 'Trouble', trouble.retryAfter)
    if (method === 'getUpdates') return this.#getUpdates(payload, response)
    try {
      ok(response, this.#answer(method, payload))
    } catch (error) {
      fail(response, 400, `Bad Request: ${(error as Error).message}`)
    }
  }

  #troubleOf(method: string): Trouble | undefined {
    const trouble = this.#troubles.find((one) => one.method === method && one.times !== 0)
    if (trouble?.skip) {
      trouble.skip -= 1
      return undefined
    }
    if (trouble?.times !== undefined) trouble.times -= 1
    return trouble
  }

  #getUpdates({ offset = 0, timeout = 0 }: Payload, response: ServerResponse): void {
    this.#poll?.replace()
    this.#updates = this.#updates.filter(({ update_id }) => update_id >= Number(offset))
    const end = () => {
      clearTimeout(timer)
      this.#poll = undefined
    }
    const answer = () => {
      end()
      ok(response, this.#updates.slice(0, 100))
    }
    const timer = setTimeout(answer, Number(timeout) * 1_000)
    const replace = () => {
      end()
      fail(response, 409, 'Conflict: terminated by other getUpdates request')
    }
    const poll = { answer, replace }
    this.#poll = poll
    response.on('close', () => {
      if (this.#poll === poll) end()
    })
    if (this.#updates.length > 0) answer()
  }

  #answer(method: string, payload: Payload): unknown {
    switch (method) {
      case 'getMe':
        return { id: 123456, is_bot: true, first_name: 'Double', username: 'double_bot' }
      case 'sendMessage':
        return this.#send(payload)
      case 'sendDocument':
        return this.#sendDocument(payload)
      case 'editMessageText':
        return this.#edit(payload, true)
      case 'editMessageReplyMarkup':
        return this.#edit(payload, false)
      case 'answerCallbackQuery':
        this.notices.push({ query: String(payload.callback_query_id), text: String(payload.text ?? '') })
        return true
      case 'sendChatAction':
      case 'deleteWebhook':
        return true
      default:
        throw new Error(`no method ${method}`)
    }
  }

  #send(payload: Payload): unknown {
    const html = payload.parse_mode === 'HTML'
    const text = html ? htmlText(String(payload.text)) : String(payload.text)
    checkText(text)
    const message: SeenMessage = {
      id: this.#nextMessage,
      chat: Number(payload.chat_id),
      text,
      html,
      buttons: buttonsOf(payload),
      entities: (payload.entities ?? []) as SeenMessage['entities'],
    }
    this.#nextMessage += 1
    this.messages.push(message)
    return { message_id: message.id, date: 0, chat: { id: message.chat, type: 'private' }, text }
  }

  #sendDocument({ chat_id, caption = '', document }: Payload): unknown {
    const file = { ...(document as { name: string; content: string }), caption: String(caption) }
    const message: SeenMessage = {
      id: this.#nextMessage,
      chat: Number(chat_id),
      text: file.caption,
      html: false,
      buttons: [],
      entities: [],
      file,
    }
    this.#nextMessage += 1
    this.messages.push(message)
    return { message_id: message.id, date: 0, chat: { id: message.chat, type: 'private' } }
  }

  #edit(payload: Payload, withText: boolean): unknown {
    const message = this.messages.find(
      ({ id, chat }) => id === Number(payload.message_id) && chat === Number(payload.chat_id),
    )
    if (message === undefined) throw new Error('message to edit not found')
    const buttons = buttonsOf(payload)
    if (withText) {
      checkText(String(payload.text))
      message.text = String(payload.text)
    } else if (JSON.stringify(buttons) === JSON.stringify(message.buttons)) throw new Error('message is not modified')
    message.buttons = buttons
    return true
  }
}

function person(id: number): Payload {
  return { id, is_bot: false, first_name: `User ${id}` }
}

function buttonsOf({ reply_markup }: Payload): SeenMessage['buttons'] {
  const rows = (reply_markup as { inline_keyboard?: SeenMessage['buttons'][] } | undefined)?.inline_keyboard ?? []
  const buttons = rows.flat()
  for (const { callback_data } of buttons) {
    if (Buffer.byteLength(callback_data) > 64) throw new Error('BUTTON_DATA_INVALID')
  }
  return buttons
}

function checkText(text: string): void {
  if (text.trim() === '') throw new Error('message text is empty')
  if (text.length > 4_096) throw new Error('message is too long')
}

const ELEMENT = /^(b|strong|i|em|u|s|code|pre|blockquote|a|tg-spoiler)$/

/** The text of HTML as Telegram reads it; throws what it refuses. Code holds nothing, and quotes hold no quotes. */
export function htmlText(html: string): string {
  const open: string[] = []
  const text = html.replaceAll(/<(\/?)([\w-]+)((?: [\w-]+="[^"<>]*")*)>|[<>]/g, (tag, end, name) => {
    if (name === undefined) throw new Error(`can't parse entities: unexpected "${tag}"`)
    if (!ELEMENT.test(name)) throw new Error(`can't parse entities: unsupported start tag "${name}"`)
    if (end === '/') {
      if (open.pop() !== name) throw new Error(`can't parse entities: unmatched end tag "${name}"`)
      return ''
    }
    const around = open.at(-1)
    if (around === 'code' || (around === 'pre' && name !== 'code')) throw new Error("can't parse entities: tag in code")
    if (name === 'blockquote' && open.includes(name)) throw new Error("can't parse entities: nested blockquote")
    if (name === 'a' && open.includes(name)) throw new Error("can't parse entities: nested link")
    open.push(name)
    return ''
  })
  if (open.length > 0) throw new Error(`can't parse entities: can't find end tag of "${open.at(-1)}"`)
  const unknown = /&(?!(amp|lt|gt|quot|#\d+);)/.exec(text)
  if (unknown !== null) throw new Error('can\'t parse entities: bare "&"')
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&amp;', '&')
}

async function readPayload(request: IncomingMessage): Promise<Payload> {
  const type = request.headers['content-type'] ?? ''
  if (!type.startsWith('multipart/form-data')) {
    const text = await new Response(Readable.toWeb(request) as ReadableStream).text()
    return text === '' ? {} : (JSON.parse(text) as Payload)
  }
  const form = await new Response(Readable.toWeb(request) as ReadableStream, {
    headers: { 'content-type': type },
  }).formData()
  const payload: Payload = {}
  for (const [name, value] of form) if (typeof value === 'string') payload[name] = value
  for (const [name, value] of Object.entries(payload)) {
    const [, part] = /^attach:\/\/(.+)$/.exec(String(value)) ?? []
    const file = part === undefined ? undefined : form.get(part)
    if (file instanceof File) payload[name] = { name: file.name, content: await file.text() }
  }
  return payload
}

function ok(response: ServerResponse, result: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ ok: true, result }))
}

function fail(response: ServerResponse, status: number, description: string, retryAfter?: number): void {
  const parameters = retryAfter === undefined ? {} : { parameters: { retry_after: retryAfter } }
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ ok: false, error_code: status, description, ...parameters }))
}
