import { type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http'
import { PlainHeaders } from './plain-headers.ts'
import { EndlessAnswer, MAX_TURN } from './turn-assembly.ts'

export interface HttpRequest {
  readonly method: string
  readonly headers: Iterable<readonly [name: string, value: string]>
  readonly body?: string | null
  readonly signal: AbortSignal
}

/** As many as the Fetch standard allows. */
const MAX_REDIRECTS = 20

/** Redirects after which the request is sent again as it is; the others would make a GET of a POST. */
const SAME_AGAIN = [307, 308]
const OF_A_GET = [301, 302, 303, ...SAME_AGAIN]

/**
 * What the official client needs of `fetch`, over Node's own HTTP client: the global one brings TLS, HTTP/2 and a parser
 * in WebAssembly into every process that asks a model, 60 ms at the start. Connections are kept and used again, and a
 * proxy is used where Node is told to (NODE_USE_ENV_PROXY).
 *
 * Settles with the head of the answer, whatever its status. Rejects with the system's error, or with the signal's reason.
 */
export async function httpFetch(address: string, asked: HttpRequest): Promise<HttpAnswer> {
  let url = new URL(address)
  let headers = Object.fromEntries(asked.headers)
  for (let redirects = 0; ; redirects += 1) {
    const message = await send(url, { ...asked, headers })
    const status = message.statusCode ?? 0
    const { location } = message.headers
    const followed = asked.method === 'GET' ? OF_A_GET : SAME_AGAIN
    if (location === undefined || !followed.includes(status)) return new HttpAnswer(message)
    message.destroy()
    if (redirects === MAX_REDIRECTS) throw new Error(`more than ${MAX_REDIRECTS} redirects`)
    const next = new URL(location, url)
    if (next.origin !== url.origin) headers = withoutKey(headers)
    url = next
  }
}

/** A key is for the gateway that was named, not for where it points. */
function withoutKey({ authorization: _, ...others }: Readonly<Record<string, string>>): Record<string, string> {
  return others
}

type Sent = Omit<HttpRequest, 'headers'> & { readonly headers: Readonly<Record<string, string>> }

async function send(url: URL, asked: Sent): Promise<IncomingMessage> {
  const { method, headers, body, signal } = asked
  signal.throwIfAborted()
  const request = url.protocol === 'https:' ? (await import('node:https')).request : requestHttp
  // Nothing is unpacked here, so nothing may be packed.
  const options = { method, headers: { ...headers, 'accept-encoding': 'identity' } }
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  let sent: ClientRequest
  try {
    sent = request(url, options, resolve)
  } catch (error) {
    // Such as a header that cannot be sent.
    throw new TypeError((error as Error).message, { cause: error })
  }
  // Given to Node the signal would belong to the connection, which outlives this request; so would its reason.
  const stop = () => sent.destroy()
  signal.addEventListener('abort', stop, { once: true })
  sent.on('close', () => signal.removeEventListener('abort', stop))
  sent.on('error', (error: NodeJS.ErrnoException) => {
    // The gateway closed a connection while it rested, and has not seen the request.
    if (sent.reusedSocket && error.code === 'ECONNRESET' && !signal.aborted) resolve(send(url, asked))
    else reject(signal.aborted ? signal.reason : error)
  })
  sent.end(body ?? undefined)
  return await promise
}

/** The answer to a request; its body is read once. */
export class HttpAnswer {
  readonly status: number
  readonly statusText: string
  readonly ok: boolean
  readonly headers = new PlainHeaders()
  /** Leaving the iteration early ends the connection. */
  readonly body: IncomingMessage

  constructor(message: IncomingMessage) {
    this.status = message.statusCode ?? 0
    this.statusText = message.statusMessage ?? ''
    this.ok = this.status >= 200 && this.status < 300
    this.body = message
    for (const [name, value] of Object.entries(message.headers)) {
      if (value !== undefined) this.headers.set(name, Array.isArray(value) ? value.join(', ') : value)
    }
    // Between pieces nobody listens; the reader is told of an error by the iteration.
    message.on('error', () => {})
  }

  /** Throws an EndlessAnswer past 16 MiB. */
  async text(): Promise<string> {
    const pieces: Buffer[] = []
    let length = 0
    for await (const piece of this.body as AsyncIterable<Buffer>) {
      pieces.push(piece)
      length += piece.length
      if (length > 2 * MAX_TURN) throw new EndlessAnswer()
    }
    return Buffer.concat(pieces).toString()
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text())
  }
}
