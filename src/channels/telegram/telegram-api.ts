import { Api, GrammyError, HttpError } from 'grammy'
import { ChannelError } from '#channels/channel-error.ts'
import type { Log } from '#log.ts'

/** How long a call may take, in ms, beside the time that it asks the server to wait. */
const CALL_TIMEOUT_MS = 20_000

export interface TelegramApiOptions {
  readonly token: string
  /** Address of a private server; empty for the public one. */
  readonly apiRoot: string
  readonly log: Log
  /** Default 20 s. */
  readonly callTimeoutMs?: number
}

type Part = 'receive' | 'send'

/**
 * Calls of the Bot API by grammY, each with a time limit and every failure as a ChannelError. The address of a call holds
 * the token, so nothing of an error of the network but its code is ever told. What fails and recovers is said, once each.
 */
export class TelegramApi {
  readonly #api: Api
  readonly #options: TelegramApiOptions
  readonly #said = new Map<Part, string>()

  constructor(options: TelegramApiOptions) {
    this.#options = options
    const apiRoot = options.apiRoot.replace(/\/+$/, '')
    this.#api = new Api(options.token, apiRoot === '' ? {} : { apiRoot })
  }

  /** `waitMs` is how long the server may take of its own accord; `part` is what fails and recovers as one. */
  async call<T>(
    act: (api: Api, signal: never) => Promise<T>,
    signal: AbortSignal,
    { waitMs = 0, part = 'send' }: { waitMs?: number; part?: Part } = {},
  ): Promise<T> {
    const { callTimeoutMs = CALL_TIMEOUT_MS } = this.#options
    const late = AbortSignal.timeout(callTimeoutMs + waitMs)
    try {
      const result = await act(this.#api, AbortSignal.any([signal, late]) as never)
      this.#answered(part)
      return result
    } catch (cause) {
      const error = late.aborted ? new ChannelError('passing', 'Telegram does not answer') : channelError(cause)
      if (!signal.aborted) this.#note(part, error)
      throw error
    }
  }

  #note(part: Part, { kind, message }: ChannelError): void {
    const { log } = this.#options
    if (kind === 'refused' || kind === 'format') this.#answered(part)
    else if (kind !== 'busy' && this.#said.get(part) !== message) {
      const saidByOther = [...this.#said.values()].includes(message)
      this.#said.set(part, message)
      if (kind !== 'unauthorised') log.warn(message, { part })
      else if (!saidByOther) log.error(message)
    }
  }

  #answered(part: Part): void {
    if (this.#said.delete(part)) this.#options.log.info('Telegram answers again', { part })
  }
}

function channelError(cause: unknown): ChannelError {
  if (cause instanceof GrammyError) return refusalOf(cause)
  const inner = cause instanceof HttpError ? cause.error : cause
  const code = inner instanceof Error && 'code' in inner ? String(inner.code) : undefined
  return new ChannelError('passing', `Telegram cannot be reached (${code ?? 'no proper answer'})`)
}

function refusalOf({ error_code: code, description, parameters }: GrammyError): ChannelError {
  const said = `Telegram says ${code}: ${description}`
  if (code === 401 || (code === 404 && /^not found$/i.test(description))) {
    return new ChannelError(
      'unauthorised',
      `${said}; telegram.bot_token is wrong or revoked, or telegram.api_root is no Bot API server: nothing is received or sent`,
    )
  }
  if (code === 409) return new ChannelError('conflict', `${said}; another program receives for this bot`)
  if (code === 429) return new ChannelError('busy', said, (parameters.retry_after ?? 1) * 1_000)
  if (code >= 500) return new ChannelError('passing', said)
  const format = code === 400 && /can't parse|entit|too long/i.test(description)
  return new ChannelError(format ? 'format' : 'refused', said)
}
