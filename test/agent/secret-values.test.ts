import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { secretValues } from '#commands/secret-values.ts'
import { loadSettings } from '#config/load.ts'

async function secretsOf(env: Record<string, string>): Promise<string[]> {
  const directory = mkdtempSync(join(process.env.INFER_TEST_DIR ?? tmpdir(), 'secrets-'))
  const surroundings = { cwd: directory, home: directory, env }
  const { settings } = await loadSettings(surroundings)
  return await secretValues(settings, surroundings)
}

describe('secretValues', () => {
  it('are the keys, passwords and tokens of the configuration, and none when nothing is set', async () => {
    expect(await secretsOf({})).toEqual([])
    const found = await secretsOf({
      INFER_GATEWAY_API_KEY: 'the-key',
      INFER_STORAGE_POSTGRES_PASSWORD: 'the-password',
      INFER_STORAGE_REDIS_PASSWORD: 'of-redis',
      INFER_CHANNELS_TELEGRAM_BOT_TOKEN: 'the-token',
    })
    expect(new Set(found)).toEqual(new Set(['the-key', 'the-password', 'of-redis', 'the-token']))
  })

  it('are also the passwords inside addresses, as they are written and as they are', async () => {
    const found = await secretsOf({
      INFER_STORAGE_POSTGRES_URL: 'postgres://me:p%40ss%2Fword@host/db',
      INFER_STORAGE_REDIS_URL: 'redis://host/1?password=of%20redis',
    })
    expect(found).toEqual(expect.arrayContaining(['p%40ss%2Fword', 'p@ss/word', 'of%20redis', 'of redis']))
    expect(found.join()).not.toContain('host')
  })
})
