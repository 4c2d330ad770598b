import type { IncomingMessage } from 'node:http'
import { ToolError } from '#agent/tool.ts'
import type { DomainList } from './domain-list.ts'
import { type PageText, pageText } from './page-text.ts'
import { type Resolver, resolveHost } from './resolve-host.ts'
import { type WebAddress, webAddress } from './web-address.ts'

export interface FetchOptions {
  readonly domains: DomainList
  readonly resolver: Resolver
  /** Bytes of a body, after decompression. */
  readonly maxSize: number
  /** Time for everything, redirects included, in ms. */
  readonly timeoutMs: number
  readonly allowRedirect: boolean
  /** HTML as it is. */
  readonly raw: boolean
  readonly signal: AbortSignal
}

export interface Page extends PageText {
  /** After redirects. */
  readonly url: string
  readonly status: number
}

/** Loaded when a page is asked for: TLS takes 25 ms of a start. */
const requests = () => import('./request-page.ts')

/** As many as curl and most browsers need at most for pages that mean well. */
const MAX_REDIRECTS = 5

/**
 * Fetches a page. Each step, the first and every redirect, is checked anew: the URL, the host against the list, its
 * addresses. Throws a ToolError that says what was refused or went wrong.
 */
export async function fetchPage(text: string, options: FetchOptions): Promise<Page> {
  const { signal, timeoutMs } = options
  const late = AbortSignal.timeout(timeoutMs)
  const stop = AbortSignal.any([signal, late])
  try {
    return await follow(webAddress(text), { ...options, signal: stop })
  } catch (error) {
    signal.throwIfAborted()
    if (!late.aborted) throw error
    throw new ToolError(`the page was not there within ${timeoutMs / 1000} s (tools.web_fetch.safety.timeout)`)
  }
}

async function follow(start: WebAddress, options: FetchOptions): Promise<Page> {
  let address = start
  for (let redirects = 0; ; redirects += 1) {
    const response = await ask(address, options)
    const location = redirectOf(response)
    if (location === undefined) return await read(address, response, options)
    response.destroy()
    if (!options.allowRedirect) {
      throw new ToolError(`${shown(address)} redirects, and tools.web_fetch.safety.allow_redirect is false`)
    }
    if (redirects >= MAX_REDIRECTS) throw new ToolError(`${shown(start)} redirects more than ${MAX_REDIRECTS} times`)
    const next = webAddress(location, address.url)
    checkRedirect(address, next, options.domains)
    address = next
  }
}

async function ask(address: WebAddress, { domains, resolver, signal }: FetchOptions): Promise<IncomingMessage> {
  signal.throwIfAborted()
  const { requestPage } = await requests()
  const refused = refusalOf(address, domains)
  if (refused !== undefined) throw new ToolError(refused)
  const looked = resolveHost(address.host, { resolver, mayBePrivate: domains.names(address.host) })
  return await requestPage(address, await unlessAborted(looked, signal), signal)
}

/** Why a host may not be fetched at all; undefined when it is on the list or there is none. */
export function refusalOf({ host }: WebAddress, domains: DomainList): string | undefined {
  if (domains.isEmpty || domains.has(host)) return undefined
  return `${host} is not in tools.web_fetch.allowed_domains (${domains})`
}

export function checkRedirect(from: WebAddress, to: WebAddress, domains: DomainList): void {
  if (from.url.protocol === 'https:' && to.url.protocol === 'http:') {
    throw new ToolError(`${shown(from)} redirects from https to http: ${shown(to)}`)
  }
  const refused = refusalOf(to, domains)
  if (refused !== undefined) throw new ToolError(`${shown(from)} redirects to another host: ${refused}`)
  // Without a list it was this host that somebody agreed to.
  if (domains.isEmpty && withoutWww(from.host) !== withoutWww(to.host)) {
    throw new ToolError(`${shown(from)} redirects to another host; to go on, fetch ${shown(to)}`)
  }
}

const withoutWww = (host: string) => host.replace(/^www\./, '')
const shown = ({ url }: WebAddress) => url.href.slice(0, 500)

function redirectOf({ statusCode = 0, headers }: IncomingMessage): string | undefined {
  return [301, 302, 303, 307, 308].includes(statusCode) ? headers.location : undefined
}

async function read(
  address: WebAddress,
  response: IncomingMessage,
  { maxSize, raw, signal }: FetchOptions,
): Promise<Page> {
  const { readBody } = await requests()
  const body = await readBody(response, maxSize, signal)
  signal.throwIfAborted()
  const text = await pageText(body, response.headers['content-type'], raw)
  return { ...text, url: address.url.href, status: response.statusCode ?? 0 }
}

/** The system's resolver cannot be stopped; nobody waits for it any longer then. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const stopped = Promise.withResolvers<never>()
  const stop = () => stopped.reject(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await Promise.race([work, stopped.promise])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
