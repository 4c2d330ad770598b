import { hostname } from 'node:os'
import { join } from 'node:path'
import { integer, string } from '@oclif/core/flags'
import { BaseCommand } from '#command.ts'
import { importArtifacts } from '#commands/import-artifacts.ts'
import { networkStorage } from '#commands/network-storage.ts'
import { hangUp } from '#commands/stop-signals.ts'
import type { ChannelSettings } from '#config/channels.ts'
import type { LoadedSettings } from '#config/load.ts'
import { resolvePath } from '#config/paths.ts'
import { parseDuration } from '#cron/index.ts'
import { channelsEnabled, checkChannels } from '#daemon/channels.ts'
import { runDaemon } from '#daemon/daemon.ts'
import { createDaemonLog } from '#daemon/daemon-log.ts'
import { InferError } from '#errors.ts'
import type { StorageOptions } from '#storage/options.ts'
import { writeStderr } from '#terminal/stderr.ts'

/** Connections of a daemon for statements. */
const POOL_SIZE = 4

export default class ChannelsManager extends BaseCommand {
  static override description =
    'Run the daemon: it watches the jobs in the configured storage and starts an agent for each fire, and answers in the channels of channels.yaml. Several daemons, on one host or many, share the work; each fire runs once. Stops cleanly on SIGTERM and SIGINT.'
  static override examples = [
    '<%= config.bin %> channels-manager',
    '<%= config.bin %> channels-manager --health-port 9464',
    'INFER_STORAGE_TYPE=postgres INFER_TOOLS_SCHEDULE_ENABLED=true <%= config.bin %> channels-manager',
  ]

  static override flags = {
    'health-port': integer({
      min: 0,
      max: 65_535,
      helpValue: 'PORT',
      description: 'Serve /healthz, /readyz and /metrics (Prometheus) over HTTP on this port; 0 takes a free one.',
    }),
    'health-host': string({
      dependsOn: ['health-port'],
      description: 'Address to serve them on, by default 127.0.0.1; 0.0.0.0 for every one of the machine.',
    }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(ChannelsManager)
    const port = flags['health-port']
    const loaded = await this.settings()
    const { schedule } = loaded.settings.tools
    const channels = await this.#channels()
    await this.#sayWhatIsElsewhere()
    if (!schedule.enabled && channels === undefined) {
      throw new InferError(
        'E_CONFIG',
        'there is nothing to do: tools.schedule.enabled is false, and no channel is on',
        {
          hint: 'infer config set tools.schedule.enabled true, or set enabled and telegram.enabled in channels.yaml',
        },
      )
    }
    await refuseStorage(await this.storageOptions(loaded))
    using signals = daemonSignals()
    const log = createDaemonLog({
      directory: await this.#logDirectory(loaded),
      debug: loaded.settings.logging.debug,
      stream: { write: writeStderr, isTTY: process.stderr.isTTY },
    })
    const logDirectory = await this.#logDirectory(loaded)
    await this.withStores(
      async (stores, loaded) =>
        await runDaemon(
          {
            stores: await importArtifacts(stores, loaded, {
              ...(await this.surroundings()),
              warn: (line) => this.warning(line),
              note: (line) => this.note(line),
            }),
            log,
            logDirectory,
            host: hostname(),
            version: this.config.version,
            command: [process.execPath, join(this.config.root, 'bin', 'run.cjs')],
            channels,
            schedule: schedule.enabled
              ? {
                  maxConcurrentRuns: schedule.maxConcurrentRuns,
                  catchUpWindowMs: parseDuration(schedule.catchUpWindow),
                  runTimeoutMs: parseDuration(schedule.runTimeout),
                  keepRuns: schedule.keepRuns,
                }
              : undefined,
            ...(port !== undefined && { health: { port, host: flags['health-host'] ?? '127.0.0.1' } }),
          },
          signals.stop,
          signals.hurry,
        ),
      { poolSize: POOL_SIZE },
    )
  }

  async #logDirectory({ settings, configDir }: LoadedSettings): Promise<string> {
    const { cwd, home } = await this.surroundings()
    return settings.logging.dir === ''
      ? join(configDir, 'logs')
      : resolvePath(settings.logging.dir, { base: cwd, home })
  }

  /** The settings of the channels, undefined when none is on. Throws E_CONFIG for those that cannot work. */
  async #channels(): Promise<ChannelSettings | undefined> {
    const { loadChannels } = await import('#config/channels.ts')
    const { channels, warnings } = await loadChannels(await this.surroundings())
    for (const warning of [...warnings, ...checkChannels(channels)]) this.warning(warning)
    return channelsEnabled(channels) ? channels : undefined
  }

  async #sayWhatIsElsewhere(): Promise<void> {
    const { heartbeatCommand } = await import('#config/heartbeat.ts')
    const command = await heartbeatCommand(await this.surroundings())
    if (command !== undefined) this.note(`heartbeat.yaml is not read any more; the same as a job: ${command}`)
  }
}

/** Storage on which several processes cannot rely: E_CONFIG with what to choose instead. */
async function refuseStorage(options: StorageOptions): Promise<void> {
  if (options.type === 'memory') {
    throw new InferError(
      'E_CONFIG',
      'storage.type memory ends with each process, so no other process could schedule a job',
      {
        hint: 'infer config set storage.type jsonl, or postgres or redis for several hosts',
      },
    )
  }
  const shaky = await networkStorage(options)
  if (shaky === undefined) return
  throw new InferError('E_CONFIG', shaky, { hint: 'use a local directory, or storage.type postgres or redis' })
}

/** The first SIGTERM, SIGINT or end of the terminal asks to stop, the second one to hurry. */
function daemonSignals(): { stop: AbortSignal; hurry: AbortSignal } & Disposable {
  const stop = new AbortController()
  const hurry = new AbortController()
  const onSignal = () => (stop.signal.aborted ? hurry : stop).abort()
  const names: NodeJS.Signals[] = ['SIGTERM', 'SIGINT', ...hangUp()]
  for (const name of names) process.on(name, onSignal)
  return {
    stop: stop.signal,
    hurry: hurry.signal,
    [Symbol.dispose]: () => {
      for (const name of names) process.off(name, onSignal)
    },
  }
}
