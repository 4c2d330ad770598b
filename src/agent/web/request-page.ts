import type { LookupAddress } from 'node:dns'
import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { pipeline, type Readable } from 'node:stream'
import { createBrotliDecompress, createGunzip } from 'node:zlib'
import { ToolError } from '#agent/tool.ts'
import type { WebAddress } from './web-address.ts'

export const USER_AGENT = 'infer'

const HEADERS = {
  'user-agent': USER_AGENT,
  accept: 'text/html, text/*;q=0.9, application/json;q=0.9, application/xml;q=0.8, */*;q=0.1',
  'accept-encoding': 'gzip, br',
}

/**
 * Sends one GET and waits for the head of the answer. It connects to one of `addresses` and nowhere else, through no
 * proxy, with no cookies, and trusts only certificates that the system trusts. Throws a ToolError.
 */
export async function requestPage(
  { url, host }: WebAddress,
  addresses: readonly LookupAddress[],
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const lookup: LookupFunction = (_, { all }, done) => {
    const [first] = addresses
    if (all) done(null, [...addresses])
    else if (first) done(null, first.address, first.family)
  }
  const isTls = url.protocol === 'https:'
  const answer = Promise.withResolvers<IncomingMessage>()
  // An agent of its own: the global one takes a proxy from the environment.
  const sent = isTls
    ? requestHttps(url, {
        agent: new HttpsAgent(),
        lookup,
        headers: HEADERS,
        signal,
        rejectUnauthorized: true,
        ...(isIP(host) === 0 ? { servername: host } : {}),
      })
    : requestHttp(url, { agent: new HttpAgent(), lookup, headers: HEADERS, signal })
  sent.once('response', answer.resolve)
  sent.on('error', (error: NodeJS.ErrnoException) => answer.reject(signal.aborted ? error : unreachable(host, error)))
  sent.end()
  return await answer.promise
}

function unreachable(host: string, error: NodeJS.ErrnoException): ToolError {
  const code = error.code ?? error.message
  const isCertificate = /CERT|SIGNATURE|SELF_SIGNED|ALTNAME/.test(code)
  return new ToolError(
    isCertificate ? `the certificate of ${host} is not trusted (${code})` : `${host} cannot be reached (${code})`,
  )
}

/** Reads a body up to `maxBytes` after decompression. Throws a ToolError for a longer one and for a broken one. */
export async function readBody(response: IncomingMessage, maxBytes: number, signal: AbortSignal): Promise<Buffer> {
  const tooLarge = () => new ToolError(`the page has more than ${maxBytes} bytes (tools.web_fetch.safety.max_size)`)
  const body = decoded(response)
  const chunks: Buffer[] = []
  let length = 0
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      length += chunk.length
      if (length > maxBytes) throw tooLarge()
      chunks.push(chunk)
    }
  } catch (error) {
    if (error instanceof ToolError || signal.aborted) throw error
    throw new ToolError(`the page broke off (${(error as NodeJS.ErrnoException).code ?? 'unreadable'})`)
  } finally {
    body.destroy()
    response.destroy()
  }
  return Buffer.concat(chunks)
}

function decoded(response: IncomingMessage): Readable {
  const encoding = (response.headers['content-encoding'] ?? 'identity').trim().toLowerCase()
  const decoder = decoderOf(encoding)
  if (decoder === undefined) return response
  // Whoever reads the decoder gets the error.
  return pipeline(response, decoder, () => {})
}

function decoderOf(encoding: string) {
  switch (encoding) {
    case 'identity':
    case '':
      return undefined
    case 'gzip':
    case 'x-gzip':
      return createGunzip()
    case 'br':
      return createBrotliDecompress()
    default:
      throw new ToolError(`the page is encoded as ${encoding}, which was not asked for`)
  }
}
