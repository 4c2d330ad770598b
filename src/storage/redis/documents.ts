import type { JsonObject } from '#storage/contract/json.ts'
import type { Documents } from '#storage/rules/documents.ts'
import { type RedisConnection, script } from './connection.ts'
import { corrupt, readStored } from './corrupt.ts'
import { keys } from './keys.ts'
import { token } from './schema.ts'
import { allTexts } from './texts.ts'

/** KEYS hash. ARGV key, expected version or `-`, new text or empty for removal. Returns 1 if written. */
const PUT = script(`
local stored = redis.call('HGET', KEYS[1], ARGV[1])
if (stored and string.match(stored, '^(%x+) ') or '-') ~= ARGV[2] then return 0 end
if ARGV[3] == '' then redis.call('HDEL', KEYS[1], ARGV[1]) else redis.call('HSET', KEYS[1], ARGV[1], ARGV[3]) end
return 1
`)

const STORED = /^([0-9a-f]+) (\{.*)$/s

/** Coordination documents: a hash for each kind (what stands before the first `/`), of version, blank, JSON. */
export function redisDocuments(connection: RedisConnection): Documents {
  return {
    backend: 'redis',
    now: () => connection.now(),
    async get(key) {
      const text = await connection.call<string | null>('HGET', hashOf(key), key)
      return text === null ? undefined : documentOf(key, text)
    },
    async put(key, version, value) {
      const text = value === null ? '' : `${token()} ${JSON.stringify(value)}`
      return (await connection.run<number>(PUT, [hashOf(key)], [key, version ?? '-', text])) === 1
    },
    async list(prefix) {
      const texts = await allTexts(connection, hashOf(prefix))
      const found = [...texts].filter(([key]) => key.startsWith(prefix)).sort(([a], [b]) => (a < b ? -1 : 1))
      return new Map(found.map(([key, text]) => [key, documentOf(key, text).value]))
    },
  }
}

function hashOf(key: string): string {
  return keys.coordination + key.slice(0, key.indexOf('/'))
}

function documentOf(key: string, text: string): { value: JsonObject; version: string } {
  const [, version, json] = STORED.exec(text) ?? []
  const name = `${key} (${hashOf(key)})`
  if (version === undefined || json === undefined) throw corrupt(name, 'it has another form')
  return { value: readStored(name, json, (doc) => doc), version }
}
