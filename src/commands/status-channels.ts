import { channelLease, telegramAccount } from '#channels/account.ts'
import { type ChannelSettings, loadChannels } from '#config/channels.ts'
import type { Surroundings } from '#config/paths.ts'
import { InferError } from '#errors.ts'
import type { CoordinationStorage, SeenDaemon } from '#storage/contract/coordination.ts'

/** A channel that is on here, and the daemon that serves it, as `status --json` prints them. */
export interface ChannelView {
  name: string
  /** Id of a daemon; null when none that was seen for 60 s serves it. */
  served_by: string | null
}

/** The settings of channels here, undefined when none is on, and what is wrong with them. */
export async function channelSettings(
  surroundings: Surroundings,
): Promise<{ settings: ChannelSettings | undefined; problems: readonly string[]; warnings: readonly string[] }> {
  try {
    const { channels, warnings } = await loadChannels(surroundings)
    if (!channels.enabled || !channels.telegram.enabled) return { settings: undefined, problems: [], warnings }
    const { checkChannels } = await import('#daemon/channels.ts')
    return { settings: channels, problems: [], warnings: [...warnings, ...checkChannels(channels)] }
  } catch (error) {
    if (!(error instanceof InferError)) throw error
    return { settings: undefined, problems: [error.message], warnings: [] }
  }
}

/** Which of the daemons that are alive serves each channel. */
export async function channelViews(
  settings: ChannelSettings | undefined,
  coordination: Pick<CoordinationStorage, 'lease'>,
  alive: readonly SeenDaemon[],
): Promise<ChannelView[]> {
  if (settings === undefined) return []
  const lease = await coordination.lease(channelLease(telegramAccount(settings.telegram.botToken)))
  const holder = alive.find(({ id }) => id === lease?.owner)
  return [{ name: 'telegram', served_by: holder?.id ?? null }]
}

/** Channels that nobody serves. */
export function channelProblems(channels: readonly ChannelView[]): string[] {
  return channels
    .filter(({ served_by }) => served_by === null)
    .map(({ name }) => `the channel ${name} is on, and no daemon serves it: start one with infer channels-manager`)
}
