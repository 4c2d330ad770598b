import * as z from 'zod/mini'
import { flag, secret, texts, url, whole } from './fields.ts'
import { GO_CHANNEL_KEYS } from './go-keys.ts'
import { inOrder, readLayers } from './layers.ts'
import type { Surroundings } from './paths.ts'
import { readTree, requireValid, stack } from './read-tree.ts'
import { complete } from './tree.ts'
import { openYaml } from './yaml-file.ts'

/** `channels.yaml`: who may talk to the agent from outside. The agent's tools never read it. */
export const channelsSchema = z.object({
  enabled: flag(false, 'Whether the daemon serves channels.'),
  maxWorkers: whole(5, 'People whose messages are worked on at the same time.', { min: 1 }),
  requireApproval: flag(true, 'Whether tools ask in the channel; false means mode auto.'),
  telegram: z.object({
    enabled: flag(false, 'Whether the Telegram bot is served.'),
    botToken: secret('Token of the bot.'),
    allowedUsers: texts(
      [],
      'Ids of the users who may talk to it, which is shell access to this host; empty means nobody.',
    ),
    pollTimeout: whole(30, 'Seconds that one poll waits.', { min: 1 }),
    apiRoot: url('', ['http', 'https'], 'Address of a private Bot API server; empty means the public one.'),
  }),
})

/** Users are texts, however they were written. */
export type ChannelSettings = z.output<typeof channelsSchema>

const OPTIONS = { schema: channelsSchema, prefix: 'channels', ignored: GO_CHANNEL_KEYS }

/** Channels from `INFER_CHANNELS_*`, `./.infer/channels.yaml`, `~/.infer/channels.yaml` and the defaults, in this order. */
export async function loadChannels(
  surroundings: Surroundings,
): Promise<{ channels: ChannelSettings; warnings: readonly string[] }> {
  const layers = await readLayers('channels.yaml', { ...OPTIONS, substitutes: true }, surroundings)
  const merged = requireValid(inOrder(layers).reduce(stack))
  return { channels: complete(channelsSchema, merged.tree) as ChannelSettings, warnings: merged.warnings }
}

/** What a channels.yaml sets, for the question whether it is trusted. */
export async function givenChannelKeys(file: string, text: string): Promise<readonly string[]> {
  return readTree(await openYaml(file, text), OPTIONS).given
}
