import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { chooseModel } from '#gateway/choose-model.ts'
import { connectGateway } from '#gateway/connect.ts'
import { ask, collect, ONCE, shownText } from './support.ts'

const MOCK = {
  url: 'not looked at',
  apiKey: 'a real key',
  timeoutMs: 10_000,
  mock: true,
  mockScenarios: '',
  retry: ONCE,
  failFast: true,
}

describe('connectGateway with mock', () => {
  test('plays the built-in scenarios, and stops when disposed of', async () => {
    let url: string
    {
      await using connection = await connectGateway(MOCK)
      url = connection.url
      expect(connection.scripted).toBe(true)
      expect(shownText(await collect(connection.client.stream(ask('say hello'))))).toBe('Hello! How can I help?')
    }
    await expect(fetch(`${url}/v1/models`)).rejects.toThrow()
  })

  test('plays a file', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'infer-gateway-'))
    try {
      const file = join(directory, 'scenarios.yaml')
      await writeFile(file, 'fallback: { content: "from a file" }\n')
      await using connection = await connectGateway({ ...MOCK, mockScenarios: file })
      expect(shownText(await collect(connection.client.stream(ask('anything'))))).toBe('from a file')
    } finally {
      await rm(directory, { recursive: true })
    }
  })

  test('a file that is not there is an error of configuration', async () => {
    await expect(connectGateway({ ...MOCK, mockScenarios: '/no/such.yaml' })).rejects.toMatchObject({
      code: 'E_CONFIG',
      message: 'The scenario file /no/such.yaml cannot be read (ENOENT).',
    })
  })
})

describe('chooseModel', () => {
  const choose = (models: string[] | undefined, more: Partial<Parameters<typeof chooseModel>[0]> = {}) =>
    chooseModel({
      configured: '',
      scripted: false,
      signal: ask('').signal,
      client: {
        listModels: async () => {
          if (!models) throw new Error('the gateway was asked')
          return models
        },
      },
      ...more,
    })

  test('the flag, else the configuration, without asking the gateway', async () => {
    expect(await choose(undefined, { flag: 'flag', configured: 'configured' })).toBe('flag')
    expect(await choose(undefined, { flag: '', configured: 'configured' })).toBe('configured')
  })

  test('else the only one listed, else the scripted one, else the one picked', async () => {
    expect(await choose(['only'])).toBe('only')
    expect(await choose(['only'], { scripted: true })).toBe('only')
    expect(await choose(['a', 'b'], { scripted: true })).toBe('mock/model')
    expect(await choose(['a', 'b'], { pick: async (models) => models[1] ?? '' })).toBe('b')
  })

  test('else an error that names up to five and the command', async () => {
    await expect(choose(['a', 'b', 'c', 'd', 'e', 'f', 'g'])).rejects.toMatchObject({
      exitCode: 2,
      message: 'No model is set, and the gateway lists several: a, b, c, d, e and 2 more.',
      hint: expect.stringContaining('infer config set agent.model NAME'),
    })
    await expect(choose([])).rejects.toMatchObject({ exitCode: 2, message: expect.stringContaining('lists none') })
  })
})
