import * as z from 'zod/mini'
import { SSL_MODES, STORAGE_TYPES } from '#storage/options.ts'
import { choice, duration, flag, number, path, patterns, secret, text, texts, url, whole, wholes } from './fields.ts'
import { distance } from './nearest.ts'

const THEMES = ['dark', 'light', 'none'] as const

/** The Go CLI has themes of its own: one of them reads as the nearer of ours, while a slip in one of ours stays an error. */
function themeOfGo(name: string): string | undefined {
  if (name === '') return 'dark'
  if (THEMES.some((theme) => distance(theme, name.toLowerCase()) <= 2)) return undefined
  return name.includes('light') ? 'light' : 'dark'
}

const tool = (requireApproval: boolean, what: string) =>
  z.object({
    enabled: flag(true, `Whether the agent may ${what}.`),
    requireApproval: flag(requireApproval, 'Whether each use is asked for first.'),
  })

const gateway = z.object({
  url: url('http://localhost:8080', ['http', 'https'], 'Address of the OpenAI-compatible gateway, without /v1.'),
  apiKey: secret('Key that is sent to the gateway.'),
  timeout: whole(200, 'Seconds until a request is given up.', { min: 1 }),
  mock: flag(false, 'Plays scripted answers inside the process: no gateway, key or network.'),
  mockScenarios: path('', 'File with the scripted answers; empty means the built-in ones.'),
})

const client = z.object({
  timeout: whole(200, 'Seconds until one attempt is given up.', { min: 1 }),
  stallThresholdSec: whole(30, 'Seconds without a token after which a stream is reconnected.', { min: 1 }),
  retry: z.object({
    enabled: flag(true, 'Whether failed requests are repeated.'),
    maxAttempts: whole(5, 'Attempts in all.', { min: 1 }),
    initialBackoffSec: number(5, 'Seconds before the second attempt.'),
    maxBackoffSec: number(60, 'Longest wait between two attempts, in seconds.'),
    backoffMultiplier: number(2, 'Factor by which the wait grows.', { min: 1 }),
    retryableStatusCodes: wholes([408, 429, 500, 502, 503, 504], 'HTTP statuses that are worth another attempt.', {
      min: 100,
      max: 599,
    }),
  }),
})

const logging = z.object({
  debug: flag(false, 'Whether details are logged.'),
  dir: path('', 'Directory of the log files; empty means logs/ in the configuration directory.'),
  stdout: flag(false, 'Has no effect: the log of the daemon goes to stderr too in any case.'),
})

const storage = z.object({
  enabled: flag(true, 'false keeps everything in memory and forgets it at the end.'),
  type: choice(STORAGE_TYPES, 'jsonl', 'Where everything is kept: jsonl, sqlite, postgres, redis or memory.', {
    refused: { d1: 'which only the Go CLI has: choose another backend, for several hosts postgres or redis' },
  }),
  jsonl: z.object({
    path: path('.infer/conversations', 'Directory of the conversations, relative to the working directory.'),
  }),
  sqlite: z.object({
    path: path('.infer/conversations.db', 'Database file, relative to the parent of the configuration directory.'),
  }),
  postgres: z.object({
    url: url('', ['postgres', 'postgresql'], 'Connection URL; it replaces the parts below.'),
    host: text('localhost', 'Host name, address or directory of the socket.'),
    port: whole(5432, 'Port.', { min: 1, max: 65535 }),
    database: text('infer_conversations', 'Database; it must exist.'),
    username: text('', 'User; empty means the name of the system user.'),
    password: secret('Password.'),
    sslMode: choice(SSL_MODES, 'prefer', 'TLS, as libpq has it.'),
  }),
  redis: z.object({
    url: url('', ['redis', 'rediss'], 'Connection URL; it replaces the parts below.'),
    host: text('localhost', 'Host name or address.'),
    port: whole(6379, 'Port.', { min: 1, max: 65535 }),
    username: text('', 'ACL user; empty means the default user.'),
    password: secret('Password.'),
    db: whole(0, 'Number of the database.'),
    tls: flag(false, 'Whether the connection is encrypted.'),
  }),
})

const agent = z.object({
  model: text('', 'Model, such as openai/gpt-4o; empty means the only one that the gateway lists.'),
  maxTurns: whole(50, 'Answers of the model after which a run ends.', { min: 1 }),
  maxTokens: whole(8192, 'Longest answer, in tokens.', { min: 1 }),
  maxConcurrentTools: whole(5, 'Tool calls of one turn that run at the same time.', { min: 1 }),
  agentsMd: z.object({
    enabled: flag(true, 'Whether AGENTS.md is part of the system prompt.'),
    maxChars: whole(20000, 'Characters of AGENTS.md that are used.'),
  }),
})

const conversation = z.object({
  titleGeneration: z.object({
    enabled: flag(true, 'Whether conversations get a title from a model.'),
    model: text('', 'Model for titles; empty means agent.model.'),
  }),
})

const pricing = z.object({
  enabled: flag(true, 'Whether costs are computed.'),
  currency: text('USD', 'Currency of the prices.'),
  customPrices: z.record(
    z.string(),
    z.object({
      inputPricePerMtoken: number(0, 'Price of a million tokens in.'),
      outputPricePerMtoken: number(0, 'Price of a million tokens out.'),
    }),
  ),
})

const bashMode = (allow: string[], help: string) => z.object({ allow: patterns(allow, help) })

const ALLOWED_EVERYWHERE = [
  'echo( .*)?',
  'ls( .*)?',
  'pwd( .*)?',
  'git status( .*)?',
  'git log( .*)?',
  'git diff( .*)?',
]

const tools = z.object({
  enabled: flag(true, 'Whether the agent has tools at all.'),
  sandbox: z.object({
    directories: texts(['.', '/tmp'], 'Directories in which the tools may read and write.'),
    protectedPaths: texts(['*.env', '.env.*'], 'Paths that stay closed even there; .infer/ and .git/ always are.'),
  }),
  safety: z.object({
    requireApproval: flag(true, 'Whether tools ask for approval unless they say otherwise.'),
    approvalBehaviour: choice(
      ['prompt', 'ipc', 'block'],
      'prompt',
      'Whom to ask: prompt (the chat), ipc (the pipes), block (nobody).',
    ),
  }),
  bash: z.object({
    enabled: flag(true, 'Whether the agent may run commands.'),
    timeout: whole(120, 'Seconds after which a command is ended.', { min: 1 }),
    mode: z.object({
      all: bashMode(ALLOWED_EVERYWHERE, 'Commands that run in every mode but plan.'),
      plan: bashMode([], 'Added in mode plan.'),
      standard: bashMode([], 'Added in mode standard.'),
      auto: bashMode(['.*'], 'Added in mode auto.'),
    }),
  }),
  read: tool(false, 'read files'),
  write: tool(true, 'write files'),
  edit: tool(true, 'change files'),
  delete: tool(true, 'delete files'),
  grep: tool(false, 'search in files'),
  tree: tool(false, 'list directories'),
  todoWrite: tool(false, 'keep a list of tasks'),
  askUserQuestion: z.object({ enabled: flag(true, 'Whether the agent may ask questions back.') }),
  webFetch: z.object({
    enabled: flag(true, 'Whether the agent may fetch web pages.'),
    allowedDomains: texts(
      [],
      'Domains, with their subdomains, that may be fetched without approval, and no others; empty: every fetch asks.',
    ),
    safety: z.object({
      maxSize: whole(10485760, 'Bytes of a page that are read.', { min: 1 }),
      timeout: whole(30, 'Seconds until a fetch is given up.', { min: 1 }),
      allowRedirect: flag(true, 'Whether redirects are followed.'),
    }),
  }),
  schedule: z.object({
    enabled: flag(false, 'Whether the agent may create jobs, and the daemon runs them.'),
    requireApproval: flag(true, 'Whether each use is asked for first.'),
    maxJobs: whole(100, 'Jobs up to which the agent may create more.'),
    storageDir: path('', 'Directory of the jobs (jsonl only); empty means ~/.infer/schedules.'),
    runMode: choice(['standard', 'plan', 'auto'], 'standard', 'Mode in which jobs run.'),
    catchUpWindow: duration('1h', 'A missed fire older than this is not made up for.'),
    maxConcurrentRuns: whole(4, 'Runs of one daemon at the same time.', { min: 1 }),
    runTimeout: duration('30m', 'Time after which a run is ended.'),
    keepRuns: whole(200, 'Runs of each job that are kept.'),
  }),
})

const compact = z.object({
  enabled: flag(true, 'Whether long conversations are summarised.'),
  autoAt: whole(80, 'Percent of the context window at which that happens.', { min: 1, max: 100 }),
  keepFirstMessages: whole(2, 'Messages at the start that are kept as they are.'),
  summaryMaxTokens: whole(1024, 'Longest summary, in tokens.', { min: 1 }),
  rolloverOnIdleMinutes: whole(30, 'Idle minutes after which a session moves on to a new conversation; 0 means never.'),
})

/** `config.yaml`: keys, types, defaults, limits and help. Names are camelCase here and snake_case in files. */
export const settingsSchema = z.object({
  gateway,
  client,
  logging,
  storage,
  agent,
  conversation,
  pricing,
  tools,
  compact,
  export: z.object({ outputDir: path('.infer/tmp', 'Directory of exported conversations.') }),
  chat: z.object({
    theme: choice(THEMES, 'dark', 'Colours of the chat: dark, light or none.', { foreign: themeOfGo }),
  }),
})

/** The whole configuration, every key present. Timeouts are in seconds, sizes in bytes, durations as Go writes them. */
export type Settings = z.output<typeof settingsSchema>
export type GatewaySettings = Settings['gateway']
export type ClientSettings = Settings['client']
export type LoggingSettings = Settings['logging']
export type StorageSettings = Settings['storage']
export type AgentSettings = Settings['agent']
export type ConversationSettings = Settings['conversation']
export type PricingSettings = Settings['pricing']
export type ToolsSettings = Settings['tools']
export type ScheduleSettings = ToolsSettings['schedule']
export type CompactSettings = Settings['compact']
