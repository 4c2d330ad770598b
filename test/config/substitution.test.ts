import { describe, expect, it } from 'vitest'
import { loadSettings } from '#config/load.ts'
import { temporaryPlace } from './temporary-place.ts'

const load = (yaml: string, env = {}) => loadSettings(temporaryPlace({ 'user/config.yaml': yaml }, env))

describe('substitution', () => {
  it('replaces ${VAR} and %VAR%, also inside a text and in lists', async () => {
    const env = { KEY: 'k', HOST: 'h', PORT: '6000', DIR: '/d' }
    const yaml = [
      'gateway: {api_key: "a-${KEY}-%KEY%", url: "https://${HOST}"}',
      'storage: {postgres: {port: "${PORT}"}}',
      'tools: {sandbox: {directories: ["${DIR}", /x]}}',
    ].join('\n')
    const { settings, substitutedVariables, warnings } = await load(yaml, env)
    expect(settings.gateway).toMatchObject({ apiKey: 'a-k-k', url: 'https://h' })
    expect(settings.storage.postgres.port).toBe(6000)
    expect(settings.tools.sandbox.directories).toEqual(['/d', '/x'])
    expect(substitutedVariables).toEqual(new Set(['KEY', 'HOST', 'PORT', 'DIR']))
    expect(warnings).toEqual([])
  })

  it('leaves %VAR% in URLs, where it may be percent-encoding', async () => {
    const yaml = 'storage: {postgres: {url: "postgres://u:a%AB%c@${HOST}/d", password: "%AB%"}}'
    const { settings } = await load(yaml, { AB: 'replaced', HOST: 'h' })
    expect(settings.storage.postgres).toMatchObject({ url: 'postgres://u:a%AB%c@h/d', password: 'replaced' })
  })

  it('takes $${VAR} as the text ${VAR}, and does not substitute twice', async () => {
    const { settings, substitutedVariables } = await load('agent: {model: "$${A}${B}"}', { A: 'no', B: '${A}' })
    expect(settings.agent.model).toBe('${A}${A}')
    expect(substitutedVariables).toEqual(new Set(['B']))
  })

  it('warns of a variable that is not set, with its place', async () => {
    const place = temporaryPlace({
      'user/config.yaml': 'gateway:\n  api_key: ${NOWHERE}\nstorage:\n  type: ${NOTHING}\n',
    })
    const { settings, warnings, substitutedVariables } = await loadSettings(place)
    const file = place.pathOf('user/config.yaml')
    expect(warnings).toEqual([
      `${file}:2:12: gateway.api_key names the variable NOWHERE, which is not set: it is left empty`,
      `${file}:4:9: storage.type names the variable NOTHING, which is not set: it is left empty`,
    ])
    expect(settings.gateway.apiKey).toBe('')
    expect(settings.storage.type).toBe('jsonl')
    expect(substitutedVariables).toEqual(new Set(['NOWHERE', 'NOTHING']))
  })

  it('does not happen in the environment itself', async () => {
    const { settings, substitutedVariables } = await load('', { INFER_AGENT_MODEL: '${HOME}', HOME: '/h' })
    expect(settings.agent.model).toBe('${HOME}')
    expect(substitutedVariables.size).toBe(0)
  })

  it('remembers the variables that channels.yaml names, and those of ignored keys', async () => {
    const place = temporaryPlace({
      'user/config.yaml': 'tools: {github: {token: "%GITHUB_TOKEN%"}}\n',
      'user/channels.yaml': '# ${COMMENT}\ntelegram: {bot_token: "${BOT}"}\n',
      'project/channels.yaml': 'telegram: {bot_token: "%OTHER_BOT%"}\n',
    })
    const { substitutedVariables, warnings } = await loadSettings(place)
    expect(substitutedVariables).toEqual(new Set(['GITHUB_TOKEN', 'BOT', 'OTHER_BOT']))
    expect(warnings).toEqual([])
  })
})
