import { describe, expect, it } from 'vitest'
import { envName } from '#config/env.ts'
import { loadSettings } from '#config/load.ts'
import { settingsSchema } from '#config/schema.ts'
import { isMap, leavesOf, toFileKeys } from '#config/tree.ts'
import { temporaryPlace } from './temporary-place.ts'

const DEFAULTS = {
  gateway: { url: 'http://localhost:8080', api_key: '', timeout: 200, mock: false, mock_scenarios: '' },
  client: {
    timeout: 200,
    stall_threshold_sec: 30,
    retry: {
      enabled: true,
      max_attempts: 5,
      initial_backoff_sec: 5,
      max_backoff_sec: 60,
      backoff_multiplier: 2,
      retryable_status_codes: [408, 429, 500, 502, 503, 504],
    },
  },
  logging: { debug: false, dir: '', stdout: false },
  storage: {
    enabled: true,
    type: 'jsonl',
    jsonl: { path: '.infer/conversations' },
    sqlite: { path: '.infer/conversations.db' },
    postgres: {
      url: '',
      host: 'localhost',
      port: 5432,
      database: 'infer_conversations',
      username: '',
      password: '',
      ssl_mode: 'prefer',
    },
    redis: { url: '', host: 'localhost', port: 6379, username: '', password: '', db: 0, tls: false },
  },
  agent: {
    model: '',
    max_turns: 50,
    max_tokens: 8192,
    max_concurrent_tools: 5,
    agents_md: { enabled: true, max_chars: 20000 },
  },
  conversation: { title_generation: { enabled: true, model: '' } },
  pricing: { enabled: true, currency: 'USD', custom_prices: {} },
  tools: {
    enabled: true,
    sandbox: { directories: ['.', '/tmp'], protected_paths: ['*.env', '.env.*'] },
    safety: { require_approval: true, approval_behaviour: 'prompt' },
    bash: {
      enabled: true,
      timeout: 120,
      mode: {
        all: {
          allow: ['echo( .*)?', 'ls( .*)?', 'pwd( .*)?', 'git status( .*)?', 'git log( .*)?', 'git diff( .*)?'],
        },
        plan: { allow: [] },
        standard: { allow: [] },
        auto: { allow: ['.*'] },
      },
    },
    read: { enabled: true, require_approval: false },
    write: { enabled: true, require_approval: true },
    edit: { enabled: true, require_approval: true },
    delete: { enabled: true, require_approval: true },
    grep: { enabled: true, require_approval: false },
    tree: { enabled: true, require_approval: false },
    todo_write: { enabled: true, require_approval: false },
    ask_user_question: { enabled: true },
    web_fetch: {
      enabled: true,
      allowed_domains: [],
      safety: { max_size: 10485760, timeout: 30, allow_redirect: true },
    },
    schedule: {
      enabled: false,
      require_approval: true,
      max_jobs: 100,
      storage_dir: '',
      run_mode: 'standard',
      catch_up_window: '1h',
      max_concurrent_runs: 4,
      run_timeout: '30m',
      keep_runs: 200,
    },
  },
  compact: {
    enabled: true,
    auto_at: 80,
    keep_first_messages: 2,
    summary_max_tokens: 1024,
    rollover_on_idle_minutes: 30,
  },
  export: { output_dir: '.infer/tmp' },
  chat: { theme: 'dark' },
}

/** A value of the same shape as a default, but another one, as text. */
function otherText(name: string, value: unknown): string {
  if (name === 'tools.bash.mode.all.allow') return 'x'
  if (Array.isArray(value)) return name.endsWith('codes') ? '418,599' : 'one,two'
  if (typeof value === 'boolean') return String(!value)
  if (typeof value === 'number') return '17'
  const choices: Record<string, string> = {
    'storage.type': 'redis',
    'storage.postgres.ssl_mode': 'require',
    'storage.postgres.url': 'postgres://h/d',
    'storage.redis.url': 'redis://h',
    'gateway.url': 'https://elsewhere.example',
    'tools.safety.approval_behaviour': 'block',
    'tools.schedule.run_mode': 'auto',
    'tools.schedule.catch_up_window': '5m',
    'tools.schedule.run_timeout': '5m',
    'chat.theme': 'light',
  }
  return choices[name] ?? 'other'
}

describe('defaults', () => {
  it('are those of the design, every key', async () => {
    const { settings, files, warnings, trust } = await loadSettings(temporaryPlace())
    expect(toFileKeys(settingsSchema, settings)).toEqual(DEFAULTS)
    expect({ files, warnings, trust }).toEqual({
      files: [],
      warnings: [],
      trust: { untrusted: [], sentence: undefined },
    })
  })

  it('are new objects each time', async () => {
    const first = await loadSettings(temporaryPlace())
    first.settings.tools.sandbox.directories.push('/changed')
    first.settings.tools.bash.mode.all.allow.push('changed')
    const second = await loadSettings(temporaryPlace())
    expect(toFileKeys(settingsSchema, second.settings)).toEqual(DEFAULTS)
  })
})

describe('every setting', () => {
  const settings = [...leavesOf(settingsSchema)].filter(({ node }) => !isMap(node))

  it.each(settings.map(({ path }) => path))('%s.%s.%s.%s.%s has a variable', async (...path) => {
    const keys = path.filter((key) => typeof key === 'string')
    const valueAt = (root: unknown) => keys.reduce((tree, key) => (tree as Record<string, unknown>)[key], root)
    const text = otherText(keys.join('.'), valueAt(DEFAULTS))
    const loaded = await loadSettings(temporaryPlace({}, { [envName(keys)]: text }))
    const value = valueAt(toFileKeys(settingsSchema, loaded.settings))
    expect(Array.isArray(value) ? value.join(',') : String(value)).toBe(text)
    expect(loaded.warnings).toEqual([])
  })
})

describe('precedence', () => {
  const user = 'agent: {model: user, max_turns: 2, max_tokens: 2}\nchat: {theme: light}\n'
  const project = 'agent: {model: project, max_turns: 3}\n'

  it('is flags, environment, project, user, defaults', async () => {
    const env = { INFER_AGENT_MODEL: 'env' }
    const place = temporaryPlace({ 'user/config.yaml': user, 'project/config.yaml': project }, env)
    const { settings, files } = await loadSettings(place)
    expect(settings.agent).toMatchObject({ model: 'env', maxTurns: 3, maxTokens: 2, maxConcurrentTools: 5 })
    expect(settings.chat.theme).toBe('light')
    expect(files).toEqual([place.pathOf('project/config.yaml'), place.pathOf('user/config.yaml')])
    const flagged = await loadSettings({ ...place, flags: { agent: { model: 'flag', maxTurns: undefined } } })
    expect(flagged.settings.agent).toMatchObject({ model: 'flag', maxTurns: 3 })
  })

  it('merges maps and replaces lists', async () => {
    const place = temporaryPlace({
      'user/config.yaml': [
        'tools: {sandbox: {directories: [/a, /b]}}',
        'pricing: {custom_prices: {openai/gpt-4.1: {input_price_per_mtoken: 1.5, output_price_per_mtoken: 2}}}',
      ].join('\n'),
      'project/config.yaml': [
        'tools: {sandbox: {directories: [/c]}}',
        'pricing: {custom_prices: {openai/gpt-4.1: {input_price_per_mtoken: 3}, mine: {}}}',
      ].join('\n'),
    })
    const { settings } = await loadSettings(place)
    expect(settings.tools.sandbox.directories).toEqual(['/c'])
    expect(settings.pricing.customPrices).toEqual({
      'openai/gpt-4.1': { inputPricePerMtoken: 3, outputPricePerMtoken: 2 },
      mine: { inputPricePerMtoken: 0, outputPricePerMtoken: 0 },
    })
  })

  it('counts a key without a value, or an empty variable, as not set', async () => {
    const files = {
      'user/config.yaml': 'agent: {model: user}\n',
      'project/config.yaml': 'storage:\nagent:\n  model:\n',
    }
    const { settings, warnings } = await loadSettings(temporaryPlace(files, { INFER_STORAGE_TYPE: '' }))
    expect(settings.agent.model).toBe('user')
    expect(settings.storage.type).toBe('jsonl')
    expect(warnings).toEqual([])
  })

  it('takes the files at home as the user’s, whose trust is no question', async () => {
    const { home } = temporaryPlace({ 'user/config.yaml': 'storage: {type: sqlite}\n' })
    const loaded = await loadSettings({ cwd: home, home, env: {} })
    expect(loaded.settings.storage.type).toBe('sqlite')
    expect(loaded.files).toHaveLength(1)
    expect(loaded.trust.untrusted).toEqual([])
  })
})

describe('environment', () => {
  it('separates lists by commas or by lines, or takes JSON', async () => {
    const listed = async (text: string) =>
      (await loadSettings(temporaryPlace({}, { INFER_TOOLS_BASH_MODE_PLAN_ALLOW: text }))).settings.tools.bash.mode.plan
        .allow
    expect(await listed('ls, pwd ,')).toEqual(['ls', 'pwd'])
    expect(await listed('a{1,2}\nb')).toEqual(['a{1,2}', 'b'])
    expect(await listed('["a{1,2}"]')).toEqual(['a{1,2}'])
    expect(await listed('[ab].*')).toEqual(['[ab].*'])
  })

  it('takes a map as JSON', async () => {
    const env = { INFER_PRICING_CUSTOM_PRICES: '{"a/b": {"input_price_per_mtoken": 2}}' }
    const { settings } = await loadSettings(temporaryPlace({}, env))
    expect(settings.pricing.customPrices).toEqual({ 'a/b': { inputPricePerMtoken: 2, outputPricePerMtoken: 0 } })
  })

  it('warns of an unknown variable and names the nearest', async () => {
    const { warnings } = await loadSettings(temporaryPlace({}, { INFER_STORAGE_TPYE: 'x' }))
    expect(warnings).toEqual([
      'unknown environment variable INFER_STORAGE_TPYE; the nearest known one is INFER_STORAGE_TYPE',
    ])
  })

  it('is silent about variables of others', async () => {
    const names = [
      'CONTENT_TYPE',
      'CONFIG_DIR',
      'DATA_DIR',
      'TEST_POSTGRES_URL',
      'REQUIRE_TRUST',
      'DEBUG',
      'A2A_ENABLED',
    ]
    const env = Object.fromEntries(names.map((name) => [`INFER_${name}`, 'false']))
    const more = { INFER_CHANNELS_ENABLED: 'true', INFER_PROMPTS_AGENT_SYSTEM_PROMPT: 'x', INFER_GATEWAY_OCI: 'x' }
    expect((await loadSettings(temporaryPlace({}, { ...env, ...more }))).warnings).toEqual([])
  })
})
