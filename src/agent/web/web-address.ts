import { isIP } from 'node:net'
import { ToolError } from '#agent/tool.ts'

/** A URL that may be asked for, as far as the URL alone says it. */
export interface WebAddress {
  readonly url: URL
  /** Host name or address in lower case, without the brackets of IPv6 and without a final dot. */
  readonly host: string
}

const MAX_URL = 4_000

/**
 * Reads a URL: http or https, without user and password, and a host written plainly (an IPv4 address in decimal,
 * octal or hexadecimal is refused: it hides where it leads). Throws a ToolError.
 */
export function webAddress(text: string, base?: URL): WebAddress {
  if (text.length > MAX_URL) throw new ToolError(`the URL is longer than ${MAX_URL} characters`)
  const url = URL.parse(text.trim(), base?.href)
  if (url === null) throw new ToolError(`${JSON.stringify(text)} is no URL; give one such as https://example.com/page`)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new ToolError(`only http and https can be fetched, not ${url.protocol.slice(0, -1)}`)
  }
  if (url.username !== '' || url.password !== '') throw new ToolError('a URL with a user or password is not fetched')
  const host = plainHost(url.hostname)
  if (host === '') throw new ToolError('the URL has no host')
  const [, written] = /^(?:[a-z]+:)?[\\/]{2,}([^/\\?#]*)/i.exec(text.trim()) ?? []
  if (isIP(host) === 4 && written !== undefined && written.replace(/:\d*$/, '').replace(/\.$/, '') !== host) {
    throw new ToolError(`${written} is a way to write ${host}; write addresses as four decimal numbers`)
  }
  return { url, host }
}

export function plainHost(hostname: string): string {
  return hostname
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '')
}
