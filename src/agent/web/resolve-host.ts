import type { LookupAddress } from 'node:dns'
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { ToolError } from '#agent/tool.ts'
import { isPublicAddress } from './addresses.ts'

/** All addresses of a host name, as the system resolves it. */
export type Resolver = (host: string) => Promise<readonly LookupAddress[]>

export const systemResolver: Resolver = (host) => lookup(host, { all: true })

/**
 * The addresses of a host; who connects must connect to one of these and never ask for the name again. When any of them
 * is not public the host is refused, unless `mayBePrivate`. Throws a ToolError.
 */
export async function resolveHost(
  host: string,
  { resolver, mayBePrivate }: { resolver: Resolver; mayBePrivate: boolean },
): Promise<readonly LookupAddress[]> {
  const family = isIP(host)
  const addresses = family === 0 ? await ask(resolver, host) : [{ address: host, family }]
  if (addresses.length === 0) throw new ToolError(`the host ${host} has no address`)
  const closed = addresses.find(({ address }) => !isPublicAddress(address))
  if (closed !== undefined && !mayBePrivate) {
    throw new ToolError(
      `${host} leads to ${closed.address}, which is not on the public internet; the user may list the host by name in ` +
        'tools.web_fetch.allowed_domains',
    )
  }
  return addresses
}

async function ask(resolver: Resolver, host: string): Promise<readonly LookupAddress[]> {
  try {
    return await resolver(host)
  } catch (error) {
    throw new ToolError(`the host ${host} was not found (${(error as NodeJS.ErrnoException).code ?? 'no answer'})`)
  }
}
