import { InferError } from '#errors.ts'

/**
 * The base of the API below `gateway.url`: `/v1` is added unless the address ends with it.
 *
 * Refuses what fetch would refuse later with worse words: no URL, another protocol than HTTP, credentials inside.
 */
export function apiBase(url: string): string {
  const parsed = URL.parse(url)
  if (parsed === null || (parsed.protocol !== 'http:' && parsed.protocol !== 'https:')) {
    const shown = parsed?.username || parsed?.password ? 'with credentials' : JSON.stringify(url)
    throw new InferError('E_CONFIG', `gateway.url ${shown} is no http or https address.`, {
      hint: 'Set one like http://localhost:8080: infer config set gateway.url URL',
    })
  }
  if (parsed.username !== '' || parsed.password !== '') {
    throw new InferError('E_CONFIG', `gateway.url carries a user name or a password for ${parsed.host}.`, {
      hint: 'Take it out of the address and set a key instead: infer config set gateway.api_key KEY',
    })
  }
  const path = parsed.pathname.replace(/\/+$/, '')
  return `${parsed.origin}${path.endsWith('/v1') ? path : `${path}/v1`}`
}
