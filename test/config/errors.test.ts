import { mkdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { loadChannels } from '#config/channels.ts'
import { loadSettings } from '#config/load.ts'
import { loadPrompts } from '#config/prompts.ts'
import { InferError } from '#errors.ts'
import { errorOf, temporaryPlace } from './temporary-place.ts'

async function failure(yaml: string, env = {}) {
  const place = temporaryPlace({ 'project/config.yaml': yaml }, env)
  const error = await errorOf(loadSettings(place))
  expect(error).toBeInstanceOf(InferError)
  const { code, exitCode, message } = error as InferError
  expect({ code, exitCode }).toEqual({ code: 'E_CONFIG', exitCode: 2 })
  return message.replace(place.pathOf('project/config.yaml'), 'FILE')
}

describe('a wrong value', () => {
  it.each([
    ['storage:\n  type: mysql\n', 'FILE:2:9: storage.type is "mysql"; allowed: jsonl, sqlite, postgres, redis, memory'],
    [
      'storage:\n  postgres:\n    port: 70000\n',
      'FILE:3:11: storage.postgres.port is 70000; allowed: a whole number from 1 to 65535',
    ],
    ['agent: {max_turns: 1.5}\n', 'FILE:1:20: agent.max_turns is 1.5; allowed: a whole number, 1 or more'],
    ['agent: {max_turns: many}\n', 'FILE:1:20: agent.max_turns is "many"; allowed: a whole number, 1 or more'],
    ['gateway:\n  mock: perhaps\n', 'FILE:2:9: gateway.mock is "perhaps"; allowed: true or false'],
    ['agent:\n  model: [a]\n', 'FILE:2:10: agent.model is a list; allowed: text'],
    ['tools:\n  schedule: {run_timeout: 30}\n', 'FILE:2:27: tools.schedule.run_timeout is 30; allowed: a duration'],
    ['storage: jsonl\n', 'FILE:1:10: storage is "jsonl"; allowed: a section with enabled, type, jsonl'],
    ['- a\n', 'FILE:1:1: the file is a list; allowed: a section with gateway'],
    ['chat: {theme: drak}\n', 'FILE:1:15: chat.theme is "drak"; allowed: dark, light, none'],
    [
      'client:\n  retry:\n    retryable_status_codes:\n      - 408\n      - 42\n',
      'FILE:5:9: client.retry.retryable_status_codes is 42; allowed: a list of whole numbers from 100 to 599',
    ],
    [
      'tools:\n  bash:\n    mode: {plan: {allow: ["ok", "(bad"]}}\n',
      'FILE:3:33: tools.bash.mode.plan.allow is "(bad"; allowed: a list of regular expressions',
    ],
    ['base: &b {type: bad}\nstorage: *b\n', 'FILE:1:17: storage.type is "bad"'],
  ])('%j is reported where it stands', async (yaml, message) => {
    expect(await failure(yaml)).toContain(message)
  })

  it('d1 is explained', async () => {
    expect(await failure('storage: {type: d1}\n')).toMatch(
      /storage\.type is "d1", which only the Go CLI has.*allowed: jsonl/,
    )
  })

  it('of a variable names the variable', async () => {
    expect(await failure('', { INFER_STORAGE_REDIS_PORT: 'x' })).toBe(
      'environment variable INFER_STORAGE_REDIS_PORT: storage.redis.port is "x"; allowed: a whole number from 1 to 65535',
    )
    expect(await failure('', { INFER_PRICING_CUSTOM_PRICES: '{' })).toContain(
      'INFER_PRICING_CUSTOM_PRICES: this is not JSON',
    )
  })

  it.each([
    'gateway: {api_key: [planted-secret]}\n',
    'storage: {postgres: {url: "mysql://u:planted-secret@h"}}\n',
    'gateway:\n  api_key: *planted-secret\n',
    'gateway:\n  api_key: "planted-secret\n',
    'gateway:\n  api_key: a: planted-secret\n',
    'gateway:\n  api_key: @planted-secret\n',
    'gateway:\n  api_key: x\n  api_key: planted-secret\n',
  ])('%j is not repeated when it may be a secret', async (yaml) => {
    expect(await failure(yaml)).not.toContain('planted-secret')
  })
})

describe('several wrong values', () => {
  it('are all told at once, and so is what is unknown', async () => {
    const place = temporaryPlace(
      {
        'user/config.yaml': 'chat: {them: none}\n',
        'project/config.yaml': 'storage:\n  type: mysql\ngatway: {}\nagent: {max_turns: 0, model: m}\n',
      },
      { INFER_LOGGING_DEBUG: 'perhaps', INFER_STORAGE_TPYE: 'redis' },
    )
    const [user, project] = [place.pathOf('user/config.yaml'), place.pathOf('project/config.yaml')]
    await expect(loadSettings(place)).rejects.toMatchObject({
      code: 'E_CONFIG',
      message: `${project}:2:9: storage.type is "mysql"; allowed: jsonl, sqlite, postgres, redis, memory`,
      hint: [
        `Also: ${project}:4:20: agent.max_turns is 0; allowed: a whole number, 1 or more`,
        'Also: environment variable INFER_LOGGING_DEBUG: logging.debug is "perhaps"; allowed: true or false',
        `Also: ${user}:1:8: unknown key chat.them; the nearest known key is chat.theme`,
        `Also: ${project}:3:1: unknown key gatway; the nearest known key is gateway`,
        'Also: unknown environment variable INFER_STORAGE_TPYE; the nearest known one is INFER_STORAGE_TYPE',
      ].join('. '),
    })
  })

  it('are so in the other files too', async () => {
    const place = temporaryPlace({
      'user/channels.yaml': 'max_workers: 0\ntelegrm: {}\n',
      'user/prompts.yaml': 'agent: {system_prompt: [a]}\nagnet: {}\n',
    })
    const hint = (name: string, key: string, near: string) =>
      `Also: ${place.pathOf(name)}:2:1: unknown key ${key}; the nearest known key is ${near}`
    await expect(loadChannels(place)).rejects.toMatchObject({
      hint: hint('user/channels.yaml', 'channels.telegrm', 'channels.telegram'),
    })
    await expect(loadPrompts(place)).rejects.toMatchObject({
      hint: hint('user/prompts.yaml', 'prompts.agnet', 'prompts.agent'),
    })
  })
})

describe('a broken file', () => {
  it.each([
    ['storage:\n  type: "sqlite\n', /^FILE:\d+:\d+: a character is missing/],
    ['storage:\n\ttype: sqlite\n', /^FILE:2:1: a tab/],
    ['agent: {}\nagent: {}\n', /^FILE:2:1: this key is here twice/],
    ['agent: a: b\n', /^FILE:1:8: .*": "/],
    ['agent: {model: x\nstorage: {}\n', /^FILE:2:1: a { or \[ before this is not closed/],
    ['agent:\n  model: [x\n', /^FILE:3:1: a { or \[ before this is not closed/],
    ['agent:\n  model: *x\n', /^FILE:2:10: an alias .* without an anchor/],
  ])('%j is reported with line and column', async (yaml, message) => {
    expect(await failure(yaml)).toMatch(message)
  })

  it('that cannot be read is an error, not an absent one', async () => {
    const place = temporaryPlace()
    mkdirSync(place.pathOf('user/config.yaml'), { recursive: true })
    await expect(loadSettings(place)).rejects.toMatchObject({
      code: 'E_CONFIG',
      message: `${place.pathOf('user/config.yaml')} cannot be read (EISDIR)`,
    })
  })
})

describe('an unknown key', () => {
  it('is a warning with its place and the nearest key', async () => {
    const place = temporaryPlace({ 'user/config.yaml': 'storage:\n  tpye: sqlite\n  type: memory\nagnet: {}\n' })
    const file = place.pathOf('user/config.yaml')
    const { warnings, settings } = await loadSettings(place)
    expect(warnings).toEqual([
      `${file}:2:3: unknown key storage.tpye; the nearest known key is storage.type`,
      `${file}:4:1: unknown key agnet; the nearest known key is agent`,
    ])
    expect(settings.storage.type).toBe('memory')
  })

  it('may be a name that every object has', async () => {
    const { warnings } = await loadSettings(
      temporaryPlace({ 'user/config.yaml': 'constructor: 1\n__proto__: {storage: 1}\n' }),
    )
    expect(warnings).toHaveLength(2)
  })
})

describe('values are read generously', () => {
  it('text for a number or a flag, a bare number for text, one text for a list', async () => {
    const yaml = [
      'storage: {postgres: {port: "6000", password: 0123, username: 1e3}, redis: {tls: yes}}',
      'tools: {sandbox: {directories: /one}}',
    ].join('\n')
    const { settings } = await loadSettings(temporaryPlace({ 'user/config.yaml': yaml }))
    expect(settings.storage.postgres).toMatchObject({ port: 6000, password: '0123', username: '1e3' })
    expect(settings.storage.redis.tls).toBe(true)
    expect(settings.tools.sandbox.directories).toEqual(['/one'])
  })

  it('aliases and merge keys', async () => {
    const yaml = 'a2a: &shared {max_turns: 7}\nagent:\n  <<: *shared\n  model: m\n'
    const { settings, warnings } = await loadSettings(temporaryPlace({ 'user/config.yaml': yaml }))
    expect(settings.agent).toMatchObject({ maxTurns: 7, model: 'm' })
    expect(warnings).toEqual([])
  })
})
