import { describe, expect, it } from 'vitest'
import { loadChannels } from '#config/channels.ts'
import { heartbeatCommand } from '#config/heartbeat.ts'
import { loadPrompts } from '#config/prompts.ts'
import { temporaryPlace } from './temporary-place.ts'

describe('channels.yaml', () => {
  it('has its defaults', async () => {
    const { channels, warnings } = await loadChannels(temporaryPlace())
    expect(channels).toEqual({
      enabled: false,
      maxWorkers: 5,
      requireApproval: true,
      telegram: { enabled: false, botToken: '', allowedUsers: [], pollTimeout: 30, apiRoot: '' },
    })
    expect(warnings).toEqual([])
  })

  it('takes users as strings or numbers of any size', async () => {
    const yaml = 'telegram: {allowed_users: [123, "456", -7, 98765432109876543210]}\n'
    const { channels } = await loadChannels(temporaryPlace({ 'user/channels.yaml': yaml }))
    expect(channels.telegram.allowedUsers).toEqual(['123', '456', '-7', '98765432109876543210'])
  })

  it('is layered like config.yaml, with variables of its own', async () => {
    const files = {
      'user/channels.yaml': 'enabled: true\nmax_workers: 2\ntelegram: {bot_token: "${TOKEN}"}\n',
      'project/channels.yaml': 'max_workers: 3\nwhatsapp: {enabled: false}\nimage_retention: 5\n',
    }
    const env = { TOKEN: 't', INFER_CHANNELS_TELEGRAM_ALLOWED_USERS: '1,2', INFER_CHANNELS_TELEGRAM_ENABLED: 'true' }
    const { channels, warnings } = await loadChannels(temporaryPlace(files, { ...env, INFER_STORAGE_TYPE: 'redis' }))
    expect(channels).toMatchObject({ enabled: true, maxWorkers: 3 })
    expect(channels.telegram).toMatchObject({ enabled: true, botToken: 't', allowedUsers: ['1', '2'] })
    expect(warnings).toEqual([])
  })

  it('reports wrong values and unknown keys under its own name', async () => {
    const place = temporaryPlace({ 'user/channels.yaml': 'telegramm: {}\nmax_workers: 0\n' })
    const file = place.pathOf('user/channels.yaml')
    await expect(loadChannels(place)).rejects.toThrow(
      `${file}:2:14: channels.max_workers is 0; allowed: a whole number`,
    )
    place.write('user/channels.yaml', 'telegramm: {}\n')
    const { warnings } = await loadChannels({ ...place, env: { INFER_CHANNELS_MAX_WORKER: '3' } })
    expect(warnings).toEqual([
      `${file}:1:1: unknown key channels.telegramm; the nearest known key is channels.telegram`,
      'unknown environment variable INFER_CHANNELS_MAX_WORKER; the nearest known one is INFER_CHANNELS_MAX_WORKERS',
    ])
  })
})

describe('prompts.yaml', () => {
  it('takes prose as it is, and descriptions of any tool', async () => {
    const yaml = [
      'agent: {system_prompt: "use ${HOME} and %PATH%", system_prompt_auto: a, system_reminders: {reminder_text: x}}',
      'conversation: {title_generation: {system_prompt: t}}',
      'tools: {Bash: {description: from the file}, TodoWrite: {description: todo}}',
      'git: {commit_message: {system_prompt: x}}',
    ].join('\n')
    const env = {
      HOME: '/h',
      INFER_PROMPTS_AGENT_CUSTOM_INSTRUCTIONS: 'one, two',
      INFER_PROMPTS_TOOLS_TODO_WRITE_DESCRIPTION: 'from the environment',
    }
    const { prompts, warnings } = await loadPrompts(temporaryPlace({ 'user/prompts.yaml': yaml }, env))
    expect(prompts).toEqual({
      agent: {
        systemPrompt: 'use ${HOME} and %PATH%',
        systemPromptPlan: '',
        systemPromptAuto: 'a',
        systemPromptRemote: '',
        customInstructions: 'one, two',
      },
      conversation: { titleGeneration: { systemPrompt: 't' } },
      tools: { Bash: { description: 'from the file' }, TodoWrite: { description: 'from the environment' } },
    })
    expect(warnings).toEqual([])
  })
})

describe('heartbeat.yaml', () => {
  it('becomes the command that does the same', async () => {
    const yaml = "enabled: true\ninterval: 30m\ninitial_delay: 1m\nmodel: a/b\nprompt: it's time\n"
    expect(await heartbeatCommand(temporaryPlace({ 'user/heartbeat.yaml': yaml }))).toBe(
      "infer schedules create --name heartbeat --cron '@every 30m' --prompt 'it'\\''s time' --model a/b",
    )
  })

  it('says nothing when it is off or missing', async () => {
    expect(await heartbeatCommand(temporaryPlace())).toBeUndefined()
    expect(await heartbeatCommand(temporaryPlace({ 'user/heartbeat.yaml': 'enabled: false\n' }))).toBeUndefined()
  })
})
