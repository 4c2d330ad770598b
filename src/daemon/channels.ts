import type { Channel } from '#channels/channel.ts'
import { serveChannel } from '#channels/serve-channel.ts'
import type { ChannelSettings } from '#config/channels.ts'
import { InferError } from '#errors.ts'
import type { Log } from '#log.ts'
import type { StoreOutage } from '#scheduler/store-outage.ts'
import type { Stores } from '#storage/contract/stores.ts'
import { startChannelAgent } from './channel-agents.ts'

export interface ChannelsOptions {
  readonly settings: ChannelSettings
  readonly stores: Stores
  /** Id of the daemon. */
  readonly owner: string
  /** See RunProcessesOptions. */
  readonly command: readonly [string, ...string[]]
  readonly log: Log
  readonly outage: StoreOutage
}

/** The channels of a daemon at work. */
export interface RunningChannels {
  /** A scheduled run may have ended. */
  hint(): void
  /** Resolves after the stop, when no agent and no answer is under way. Never rejects. */
  readonly settled: Promise<void>
}

/** Whether any channel is on. */
export function channelsEnabled({ enabled, telegram }: ChannelSettings): boolean {
  return enabled && telegram.enabled
}

/** What is wrong with the settings of channels that are on: throws E_CONFIG, and returns what is worth a warning. */
export function checkChannels(settings: ChannelSettings): readonly string[] {
  if (!channelsEnabled(settings)) return []
  const { botToken, allowedUsers } = settings.telegram
  if (!/^\d+:[\w-]+$/.test(botToken)) {
    const what =
      botToken === '' ? 'telegram.bot_token is empty' : 'telegram.bot_token is not of the form 123456:ABC-DEF'
    throw new InferError('E_CONFIG', `channels.yaml: ${what}, so Telegram cannot be served`, {
      hint: 'ask @BotFather for the token, and set it in channels.yaml or INFER_CHANNELS_TELEGRAM_BOT_TOKEN',
    })
  }
  const list = 'telegram.allowed_users'
  if (allowedUsers.length === 0) return [`${list} is empty, so the bot answers nobody`]
  return allowedUsers.flatMap((user) => {
    if (/^-\d+$/.test(user.trim())) return [`${list}: ${user} is the id of a group; only private chats are served`]
    return /^\d+$/.test(user.trim()) ? [] : [`${list}: "${user}" is no id of a user; ids are numbers`]
  })
}

/** Serves what is on, until `stop`; `end` ends agents that still run then. */
export async function startChannels(
  options: ChannelsOptions,
  stop: AbortSignal,
  end: AbortSignal,
): Promise<RunningChannels> {
  const { settings, stores, owner, command, log, outage } = options
  const { requireApproval, maxWorkers } = settings
  let delivery: { hint(): void } | undefined
  const channel = await openTelegram(settings.telegram, log)
  const part = `channel ${channel.name}`
  const settled = serveChannel(
    {
      channel,
      stores,
      owner,
      maxWorkers,
      log,
      startAgent: (key, task) => startChannelAgent({ command, requireApproval }, key, task),
      persist: (act, signal) => outage.persist(part, act, signal),
      onStore: (error) =>
        error === undefined ? outage.answered(`${part} lease`) : outage.failed(`${part} lease`, error),
      onDelivery: (begun) => {
        delivery = begun
      },
    },
    stop,
    end,
  )
  return { hint: () => delivery?.hint(), settled }
}

/** grammY is loaded only where Telegram is on. */
async function openTelegram(settings: ChannelSettings['telegram'], log: Log): Promise<Channel> {
  const { Telegram } = await import('#channels/telegram/telegram.ts')
  const { botToken: token, allowedUsers, pollTimeout, apiRoot } = settings
  return new Telegram({ token, allowedUsers, pollTimeout, apiRoot, log })
}
