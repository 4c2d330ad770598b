import { type RedisConnection, script } from './connection.ts'

/** KEYS hash. ARGV field, SHA-1 of the text that was read or `-`, new text. Returns 1 if written. */
const SWAP = script(`
local stored = redis.call('HGET', KEYS[1], ARGV[1])
if (stored and redis.sha1hex(stored) or '-') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
`)

/** Replaces one text of a hash by compare-and-set; `sha` is that of the text as it was read, undefined for none. */
export async function swapText(
  connection: RedisConnection,
  hashKey: string,
  { field, sha, text }: { field: string; sha: string | undefined; text: string },
): Promise<boolean> {
  return (await connection.run<number>(SWAP, [hashKey], [field, sha ?? '-', text])) === 1
}

/** A whole hash. */
export async function allTexts(connection: RedisConnection, hashKey: string): Promise<Map<string, string>> {
  const stored = await connection.call<string[]>('HGETALL', hashKey)
  const texts = new Map<string, string>()
  for (let i = 0; i + 1 < stored.length; i += 2) texts.set(stored[i] ?? '', stored[i + 1] ?? '')
  return texts
}
