import { isIP } from 'node:net'
import { plainHost } from './web-address.ts'

/**
 * `tools.web_fetch.allowed_domains`. A domain stands for itself and its subdomains, `*.domain` for the subdomains
 * alone, an address for itself. A scheme, port or path in an entry does not count; an entry that cannot be read matches
 * nothing.
 */
export class DomainList {
  readonly #entries: readonly string[]

  constructor(domains: readonly string[]) {
    this.#entries = domains.filter((domain) => domain.trim() !== '').map(entryOf)
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0
  }

  has(host: string): boolean {
    return this.#entries.some((entry) => {
      if (entry.startsWith('*.')) return isIP(host) === 0 && host.endsWith(entry.slice(1))
      return host === entry || (isIP(entry) === 0 && isIP(host) === 0 && host.endsWith(`.${entry}`))
    })
  }

  /** Whether the list holds this very name: then it may lead to a private address. */
  names(host: string): boolean {
    return this.#entries.includes(host)
  }

  toString(): string {
    return this.#entries.join(', ')
  }
}

function entryOf(domain: string): string {
  const bare = domain.trim().replace(/^https?:\/\//i, '')
  if (isIP(bare) !== 0) return bare.toLowerCase()
  const starred = bare.startsWith('*.')
  const url = URL.parse(`http://${starred ? bare.slice(2) : bare}`)
  return url === null ? bare : `${starred ? '*.' : ''}${plainHost(url.hostname)}`
}
