import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadChannels } from '#config/channels.ts'
import { heartbeatCommand } from '#config/heartbeat.ts'
import { loadSettings } from '#config/load.ts'
import { temporaryPlace } from './temporary-place.ts'

function placeWith(release: 'seed' | 'later', place = temporaryPlace()) {
  const source = new URL(`../fixtures/go-cli/${release}/config`, import.meta.url).pathname
  cpSync(source, join(place.home, '.infer'), { recursive: true })
  return place
}

describe('files of the Go CLI', () => {
  it('of the newer release load without a warning', async () => {
    const place = placeWith('later')
    const { settings, warnings, trust } = await loadSettings(place)
    expect(warnings).toEqual([])
    expect(trust.untrusted).toEqual([])
    expect(settings.agent.agentsMd.maxChars).toBe(8000)
    expect(settings.chat.theme).toBe('dark')
    expect(settings.tools.webFetch.allowedDomains).toEqual(['golang.org', 'localhost'])
    expect((await loadChannels(place)).warnings).toEqual([])
    expect(await heartbeatCommand(place)).toBeUndefined()
  })

  it('of the older release load with a warning for each of the two old names, which still count', async () => {
    const place = placeWith('seed')
    const { settings, warnings } = await loadSettings(place)
    expect(warnings).toHaveLength(2)
    expect(warnings[0]).toContain('tools.bash.whitelist')
    expect(warnings[1]).toContain('tools.web_fetch.whitelisted_domains')
    expect(settings.tools.webFetch.allowedDomains).toEqual(['golang.org', 'localhost'])
    expect(settings.client.retry.maxAttempts).toBe(3)
    expect(settings.chat.theme).toBe('dark')
    const runs = (command: string) =>
      settings.tools.bash.mode.all.allow.some((pattern) => new RegExp(`^(?:${pattern})$`).test(command))
    for (const command of ['find . -name x', 'make', 'git log -p', 'git remote -v', 'git status -s']) {
      expect({ command, runs: runs(command) }).toEqual({ command, runs: true })
    }
    for (const command of ['makefile', 'git push', 'git remote add x', 'rm x']) {
      expect({ command, runs: runs(command) }).toEqual({ command, runs: false })
    }
  })

  it('may use patterns that search', async () => {
    const yaml = 'tools: {bash: {whitelist: {patterns: ["^a|b$", "mid", "^c$", "^d\\\\$"]}}}\n'
    const { settings } = await loadSettings(temporaryPlace({ 'user/config.yaml': yaml }))
    expect(settings.tools.bash.mode.all.allow.slice(-4)).toEqual(['.*(?:^a|b$).*', '.*mid.*', 'c', 'd\\$.*'])
  })

  it('old names count in the environment, too, and lose against the new name', async () => {
    const env = { INFER_TOOLS_BASH_WHITELIST_COMMANDS: 'jq', INFER_TOOLS_WEB_FETCH_WHITELISTED_DOMAINS: 'a.example' }
    const { settings, warnings } = await loadSettings(temporaryPlace({}, env))
    expect(settings.tools.bash.mode.all.allow).toContain('jq( .*)?')
    expect(settings.tools.webFetch.allowedDomains).toEqual(['a.example'])
    expect(warnings).toHaveLength(2)
    const yaml = 'tools: {web_fetch: {allowed_domains: [new], whitelisted_domains: [old]}}\n'
    const both = await loadSettings(temporaryPlace({ 'user/config.yaml': yaml }))
    expect(both.settings.tools.webFetch.allowedDomains).toEqual(['new'])
  })

  it.each([
    ['tokyo-night', 'dark'],
    ['github-light', 'light'],
    ['""', 'dark'],
    ['none', 'none'],
  ])('theme %s is %s', async (written, theme) => {
    const { settings, warnings } = await loadSettings(
      temporaryPlace({ 'user/config.yaml': `chat: {theme: ${written}}` }),
    )
    expect(settings.chat.theme).toBe(theme)
    expect(warnings).toEqual([])
  })
})
