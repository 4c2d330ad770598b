import { existsSync, lstatSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { getSetting, setSetting } from '#config/edit.ts'
import { loadSettings } from '#config/load.ts'
import { seedFiles } from '#config/seed.ts'
import { recordTrust } from '#config/trust.ts'
import { temporaryPlace } from './temporary-place.ts'

describe('get', () => {
  it('gives a setting, a section or everything, with the keys of the files', async () => {
    const place = temporaryPlace({
      'user/config.yaml': 'pricing: {custom_prices: {openai/gpt-4.1: {input_price_per_mtoken: 3}}}\n',
      'user/prompts.yaml': 'tools: {Bash: {description: d}}\n',
    })
    expect(await getSetting('agent.max_turns', place)).toBe(50)
    expect(await getSetting('agent.agents_md', place)).toEqual({ enabled: true, max_chars: 20000 })
    expect(Object.keys((await getSetting('', place)) as object)).toContain('storage')
    expect(await getSetting('pricing.custom_prices.openai/gpt-4.1', place)).toEqual({
      input_price_per_mtoken: 3,
      output_price_per_mtoken: 0,
    })
    expect(await getSetting('pricing.custom_prices.openai/gpt-4.1.input_price_per_mtoken', place)).toBe(3)
    expect(await getSetting('prompts.tools.Bash.description', place)).toBe('d')
    expect(await getSetting('channels.max_workers', place)).toBe(5)
  })

  it('masks secrets and passwords in URLs unless asked', async () => {
    const place = temporaryPlace({
      'user/config.yaml': [
        'gateway: {api_key: k, url: "https://u:gate@h/x"}',
        'storage:',
        '  postgres: {password: p, url: "postgres://u:p@ss@h/d?password=q&x=1"}',
        '  redis: {url: "redis://:word@h"}',
      ].join('\n'),
      'user/channels.yaml': 'telegram: {bot_token: t}\n',
    })
    expect(await getSetting('gateway', place)).toMatchObject({ api_key: '***', url: 'https://u:***@h/x' })
    expect(await getSetting('storage', place)).toMatchObject({
      postgres: { password: '***', url: 'postgres://u:***@h/d?password=***&x=1' },
      redis: { password: '', url: 'redis://:***@h' },
    })
    expect(await getSetting('channels.telegram.bot_token', place)).toBe('***')
    expect(await getSetting('channels.telegram.bot_token', { ...place, showSecrets: true })).toBe('t')
    expect(await getSetting('gateway.url', { ...place, showSecrets: true })).toBe('https://u:gate@h/x')
    expect(await getSetting('gateway.url', temporaryPlace())).toBe('http://localhost:8080')
  })

  it('names the nearest setting for one that is none', async () => {
    await expect(getSetting('storage.tpye', temporaryPlace())).rejects.toMatchObject({
      code: 'E_USAGE',
      message: 'there is no setting storage.tpye; the nearest one is storage.type',
    })
    await expect(getSetting('pricing.custom_prices.x', temporaryPlace())).rejects.toMatchObject({ code: 'E_NOT_FOUND' })
  })
})

describe('set', () => {
  it('keeps comments, order and everything else', async () => {
    const text = [
      '---',
      '# my settings',
      'agent:',
      '  # the good one',
      '  model: old # for now',
      '  max_turns: 7',
      '',
      '# where things are',
      'storage: # nothing yet',
      'a2a: {enabled: true, x: [1, 2]}',
      'unknown: "quoted"',
      '',
    ].join('\n')
    const place = temporaryPlace({ 'user/config.yaml': text })
    await setSetting('agent.model', 'openai/gpt-4.1: x', place)
    await setSetting('storage.sqlite.path', 'x.db', place)
    await setSetting('tools.bash.mode.plan.allow', 'ls\nmake a,b', place)
    expect(place.read('user/config.yaml')).toBe(
      [
        '---',
        '# my settings',
        'agent:',
        '  # the good one',
        '  model: "openai/gpt-4.1: x" # for now',
        '  max_turns: 7',
        '',
        '# where things are',
        'storage:',
        '  # nothing yet',
        '  sqlite:',
        '    path: x.db',
        'a2a: { enabled: true, x: [ 1, 2 ] }',
        'unknown: "quoted"',
        'tools:',
        '  bash:',
        '    mode:',
        '      plan:',
        '        allow:',
        '          - ls',
        '          - make a,b',
        '',
      ].join('\n'),
    )
    const { settings } = await loadSettings(place)
    expect(settings.agent.model).toBe('openai/gpt-4.1: x')
    expect(settings.storage.sqlite.path).toBe('x.db')
  })

  it('keeps the comments of the items of a list that stay, and its look', async () => {
    const place = temporaryPlace({
      'user/config.yaml': [
        'tools:',
        '  sandbox:',
        '    directories:',
        '      # the project',
        '      - . # here',
        '      - "/tmp" # scratch',
        '    protected_paths: [a, b] # secrets',
        '',
      ].join('\n'),
    })
    await setSetting('tools.sandbox.directories', '.,/data,/tmp', place)
    await setSetting('tools.sandbox.protected_paths', 'b,c', place)
    expect(place.read('user/config.yaml')).toBe(
      [
        'tools:',
        '  sandbox:',
        '    directories:',
        '      # the project',
        '      - . # here',
        '      - /data',
        '      - "/tmp" # scratch',
        '    protected_paths: [ b, c ] # secrets',
        '',
      ].join('\n'),
    )
  })

  it('says which directory it could not make, and so does the seeding', async () => {
    const place = temporaryPlace()
    writeFileSync(join(place.cwd, '.infer'), 'a file')
    writeFileSync(join(place.home, '.infer'), 'a file')
    const failed = (directory: string) => ({
      code: 'E_FAILED',
      message: `the directory ${join(directory, '.infer')} could not be made (EEXIST)`,
    })
    await expect(setSetting('agent.model', 'm', place)).rejects.toMatchObject(failed(place.home))
    await expect(seedFiles(place)).rejects.toMatchObject(failed(place.cwd))
  })

  it('fills a section that holds only comments', async () => {
    const place = temporaryPlace({
      'user/config.yaml': 'storage:\n  # type: jsonl\n  # redis: {}\nagent:\n  model: x\n',
    })
    await setSetting('storage.type', 'redis', place)
    const written = place.read('user/config.yaml')
    expect(written).toContain('# type: jsonl\n')
    expect(written).toContain('# redis: {}\n')
    expect(written).toContain('  type: redis\n')
    expect((await loadSettings(place)).settings).toMatchObject({ storage: { type: 'redis' }, agent: { model: 'x' } })
  })

  it('works on a file of comments and on none, with mode 0600 and no file left beside it', async () => {
    const place = temporaryPlace({ 'user/config.yaml': '# only a comment\n\n# agent:\n#   model: x\n' })
    await setSetting('agent.model', 'm', place)
    expect(place.read('user/config.yaml')).toContain('# only a comment\n')
    expect(place.read('user/config.yaml')).toContain('#   model: x\n')
    expect((await loadSettings(place)).settings.agent.model).toBe('m')
    const fresh = temporaryPlace()
    const { file } = await setSetting('channels.telegram.bot_token', 'secret', fresh)
    expect(file).toBe(fresh.pathOf('user/channels.yaml'))
    expect(fresh.read('user/channels.yaml')).toBe('telegram:\n  bot_token: secret\n')
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(readdirSync(dirname(file)).sort()).toEqual(['.gitignore', 'channels.yaml'])
  })

  it('writes the project’s file if there is one, secrets and --userspace to the user’s', async () => {
    const place = temporaryPlace({ 'project/config.yaml': '# project\n' })
    expect((await setSetting('agent.model', 'm', place)).file).toBe(place.pathOf('project/config.yaml'))
    expect((await setSetting('agent.model', 'u', { ...place, userspace: true })).file).toBe(
      place.pathOf('user/config.yaml'),
    )
    expect((await setSetting('gateway.api_key', 'k', place)).file).toBe(place.pathOf('user/config.yaml'))
    const url = 'postgres://u:password@h/d'
    expect((await setSetting('storage.postgres.url', url, place)).file).toBe(place.pathOf('user/config.yaml'))
    expect((await setSetting('storage.postgres.url', 'postgres://h/d', place)).file).toBe(
      place.pathOf('project/config.yaml'),
    )
    expect(place.read('project/config.yaml')).not.toMatch(/password|api_key/)
    expect((await setSetting('channels.enabled', 'true', place)).file).toBe(place.pathOf('user/channels.yaml'))
  })

  it('says what decides instead', async () => {
    const place = temporaryPlace({ 'project/config.yaml': 'agent: {model: p}\n' })
    const set = (env = {}) => setSetting('agent.model', 'u', { ...place, env, userspace: true })
    expect((await set()).overriddenBy).toBe(place.pathOf('project/config.yaml'))
    expect((await set({ INFER_AGENT_MODEL: 'x' })).overriddenBy).toBe('INFER_AGENT_MODEL')
    expect((await setSetting('agent.max_turns', '3', place)).overriddenBy).toBeUndefined()
  })

  it('refuses a wrong value and an unknown path, and writes nothing', async () => {
    const place = temporaryPlace()
    await expect(setSetting('storage.type', 'mysql', place)).rejects.toMatchObject({
      code: 'E_CONFIG',
      message: expect.stringContaining('storage.type is "mysql"; allowed: jsonl'),
    })
    await expect(setSetting('storage', 'x', place)).rejects.toMatchObject({ code: 'E_USAGE' })
    await expect(setSetting('storage.typ', 'x', place)).rejects.toMatchObject({ code: 'E_USAGE' })
    expect(existsSync(place.pathOf('user/'))).toBe(false)
  })

  it('writes numbers and flags as such, and keeps a reference to a variable', async () => {
    const place = temporaryPlace({}, { PORT: '6000', BAD: 'x' })
    await setSetting('storage.redis.port', '7', place)
    await setSetting('gateway.mock', 'yes', place)
    await setSetting('storage.postgres.port', '${PORT}', place)
    await setSetting('storage.redis.username', '007', place)
    await setSetting('prompts.agent.system_prompt', 'see ${HOME}', place)
    expect(place.read('user/config.yaml')).toBe(
      'storage:\n  redis:\n    port: 7\n    username: "007"\n  postgres:\n    port: ${PORT}\ngateway:\n  mock: true\n',
    )
    expect((await loadSettings(place)).settings.storage.postgres.port).toBe(6000)
    await expect(setSetting('storage.postgres.port', '${BAD}', place)).rejects.toMatchObject({ code: 'E_CONFIG' })
  })

  it('can repair a file with a wrong value, but not one that does not parse', async () => {
    const place = temporaryPlace({ 'project/config.yaml': 'storage: {type: wrong}\n' })
    await setSetting('storage.type', 'memory', place)
    expect((await loadSettings(place)).settings.storage.type).toBe('memory')
    place.write('project/config.yaml', 'storage: {type: \n')
    await expect(setSetting('storage.type', 'memory', place)).rejects.toMatchObject({ code: 'E_CONFIG' })
    place.write('project/config.yaml', '- a list\n')
    await expect(setSetting('storage.type', 'memory', place)).rejects.toMatchObject({ code: 'E_CONFIG' })
    expect(place.read('project/config.yaml')).toBe('- a list\n')
  })

  it('follows a symbolic link instead of replacing it', async () => {
    const place = temporaryPlace({ 'user/keep': '' })
    const real = join(place.cwd, 'dotfiles.yaml')
    writeFileSync(real, '# mine\n')
    symlinkSync(real, place.pathOf('user/config.yaml'))
    await setSetting('agent.model', 'm', place)
    expect(lstatSync(place.pathOf('user/config.yaml')).isSymbolicLink()).toBe(true)
    expect(place.read('user/config.yaml')).toContain('model: m')
    expect(readdirSync(place.cwd)).toEqual(['dotfiles.yaml'])
  })

  it('keeps a trusted project file trusted, and an untrusted one untrusted', async () => {
    const place = temporaryPlace({ 'project/config.yaml': '# nothing\n' })
    const untrusted = async () => (await loadSettings(place)).trust.untrusted
    await setSetting('storage.type', 'sqlite', place)
    expect(await untrusted()).toEqual([])
    place.write('project/config.yaml', 'gateway: {url: "http://cloned"}\n')
    await setSetting('storage.type', 'sqlite', place)
    expect(await untrusted()).toHaveLength(1)
    recordTrust(await untrusted(), place)
    await setSetting('storage.type', 'redis', place)
    expect(await untrusted()).toEqual([])
  })

  it('leaves the old file when the new one cannot be put in place', async () => {
    const place = temporaryPlace()
    mkdirSync(join(place.home, '.infer', 'config.yaml', 'x'), { recursive: true })
    await expect(setSetting('agent.model', 'm', place)).rejects.toMatchObject({ code: 'E_CONFIG' })
    expect(readdirSync(join(place.home, '.infer'))).toEqual(['config.yaml'])
  })
})
