import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { StorageType } from '#storage/options.ts'
import { DaemonProcess, makeSite, type Site } from '../support/daemon.ts'
import { TelegramServer, TOKEN } from '../support/telegram-server.ts'
import { waitFor } from '../support/wait-for.ts'

/** Two users who may talk to the bot, and one who may not. */
export const [ANN, BOB, EVE] = [42, 43, 99]
export const ACCOUNT = `telegram:${createHash('sha256').update(TOKEN).digest('hex').slice(0, 16)}`
const LEASE = `channel:${ACCOUNT}`

const SCENARIOS = `fallback: { content: "Done." }
scenarios:
  - name: hello
    match: '^say hello'
    turns: [{ content: "Hello! **How** can I help?" }]
  - name: long
    match: '^work long'
    turns: [{ content: "${'x'.repeat(900)}", chunk_size: 1, delay_ms: 200 }]
  - name: some seconds
    match: '^work a little'
    turns: [{ content: "It is done.", chunk_size: 2, delay_ms: 400 }]
  - name: broken
    match: '^fail'
    turns: [{ content: "", error: { status: 500, times: -1 } }]
  - name: much
    match: '^write much'
    turns: [{ content: "${'many words '.repeat(900)}", chunk_size: 5000 }]
  - name: schedule
    match: '^schedule it'
    turns:
      - tool_calls: [{ name: Schedule, args: { operation: create, cron_expression: '@every 2s', prompt: 'say hello', name: greeting, run_once: true } }]
      - content: Scheduled.
  - name: schedule with much
    match: '^schedule much'
    turns:
      - tool_calls: [{ name: Schedule, args: { operation: create, cron_expression: '@daily', prompt: "${'a long prompt '.repeat(400)}", name: long } }]
      - content: Scheduled.
  - name: the jobs of this chat
    match: '^my jobs'
    turns:
      - tool_calls: [{ name: Schedule, args: { operation: list } }]
      - tool_calls: [{ name: Schedule, args: { operation: delete, job_id: greeting } }]
      - content: Looked.
`

/** A site with a bot, and everything in it that talks to Telegram. */
export interface ChannelSite extends Site {
  readonly telegram: TelegramServer
  /** Starts a daemon and waits until it runs. */
  bot(env?: NodeJS.ProcessEnv): Promise<DaemonProcess>
  /** Waits until messages are received. */
  receiving(): Promise<void>
  /** Waits until no message is left to handle. */
  handled(): Promise<void>
  /** Stands for the 60 s after which others take the lease of a dead daemon. */
  forgetHolder(): Promise<void>
}

export async function makeChannelSite(type: Exclude<StorageType, 'memory'>): Promise<ChannelSite> {
  const telegram = await new TelegramServer().listen()
  const site = await makeSite(type)
  const { coordination } = site.stores
  const scenarios = join(site.place.cwd, 'scenarios.yaml')
  writeFileSync(scenarios, SCENARIOS)
  const settings = {
    INFER_GATEWAY_MOCK_SCENARIOS: scenarios,
    INFER_CLIENT_RETRY_ENABLED: 'false',
    INFER_CHANNELS_ENABLED: 'true',
    INFER_CHANNELS_TELEGRAM_ENABLED: 'true',
    INFER_CHANNELS_TELEGRAM_BOT_TOKEN: TOKEN,
    INFER_CHANNELS_TELEGRAM_ALLOWED_USERS: `${ANN},${BOB}`,
    INFER_CHANNELS_TELEGRAM_API_ROOT: telegram.url,
  }
  const daemons: DaemonProcess[] = []
  return {
    ...site,
    telegram,
    async bot(env) {
      const daemon = new DaemonProcess(site.place, { ...site.env, ...settings, ...env })
      daemons.push(daemon)
      await daemon.logs(/^daemon started/, 30_000)
      return daemon
    },
    receiving: async () => void (await waitFor('messages are received', () => telegram.polled)),
    handled: async () => {
      await waitFor('everything is handled', async () => {
        return telegram.unconfirmed === 0 && (await coordination.inbox(ACCOUNT)).length === 0
      })
    },
    async forgetHolder() {
      const lease = await coordination.lease(LEASE)
      if (lease) await coordination.releaseLease(LEASE, lease.fence)
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(daemons.map((daemon) => daemon[Symbol.asyncDispose]()))
      for (const { stderr } of daemons) if (stderr.includes(TOKEN)) throw new Error('the token is in the log')
      await site[Symbol.asyncDispose]()
      await telegram[Symbol.asyncDispose]()
    },
  }
}
