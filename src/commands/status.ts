import { BaseCommand, jsonFlags } from '#command.ts'
import { gatewayOf } from '#commands/agent-setup.ts'
import { daemonProblems, daemonView, daemonWarnings } from '#commands/daemon-view.ts'
import { daemonWarning, liveDaemons } from '#commands/daemon-warning.ts'
import { runView, scheduleProblem, upcomingFires, zoneOf } from '#commands/job-view.ts'
import { type ChannelView, channelProblems, channelSettings, channelViews } from '#commands/status-channels.ts'
import type { ChannelSettings } from '#config/channels.ts'
import type { LoadedSettings } from '#config/load.ts'
import type { Settings } from '#config/schema.ts'
import { isFailing } from '#daemon/failing-jobs.ts'
import { StorageError } from '#storage/contract/errors.ts'
import type { Stores } from '#storage/contract/stores.ts'
import { sentence } from '#terminal/sentence.ts'
import { properties } from '#terminal/table.ts'
import { inZone, relative } from '#terminal/time.ts'

const SHOWN = 5

export default class Status extends BaseCommand {
  static override description =
    'Say whether storage, gateway and daemons are well, and what fires next. Exit 1 when something is not.'
  static override examples = ['<%= config.bin %> status', '<%= config.bin %> status --json | jq .problems']
  static override flags = jsonFlags

  async run(): Promise<void> {
    const { flags } = await this.parse(Status)
    const loaded = await this.settings()
    const gateway = await gatewayStatus(loaded)
    const configured = await channelSettings(await this.surroundings())
    const stored = await this.#storage(loaded, configured.settings)
    const problems = [
      ...(gateway.problem === undefined ? [] : [gateway.problem]),
      ...configured.problems,
      ...stored.problems,
    ].map(sentence)
    for (const warning of [...configured.warnings, ...stored.warnings]) this.warning(sentence(warning))
    const view = {
      healthy: problems.length === 0,
      problems,
      backend: stored.backend,
      gateway: { url: gateway.url, ok: gateway.problem === undefined, models: gateway.models },
      daemons: stored.daemons,
      channels: stored.channels,
      jobs: stored.jobs,
      next_fires: stored.nextFires,
      last_runs: stored.lastRuns,
    }
    this.printResult(flags, view, () => text(view))
    if (!view.healthy) process.exitCode = 1
  }

  async #storage(loaded: LoadedSettings, channels: ChannelSettings | undefined) {
    try {
      return await this.withStores(async (stores) => await storageStatus(stores, loaded.settings, channels))
    } catch (error) {
      if (!(error instanceof StorageError)) throw error
      const { type } = loaded.settings.storage
      return {
        problems: [error.message],
        warnings: [],
        backend: { type, location: '', ok: false },
        daemons: [],
        channels: [],
        jobs: { total: 0, enabled: 0, failing: 0 },
        nextFires: [],
        lastRuns: [],
      }
    }
  }
}

async function storageStatus(stores: Stores, settings: Settings, configured: ChannelSettings | undefined) {
  await stores.health()
  const [{ jobs, unreadable }, states, runs, now] = await Promise.all([
    stores.scheduledJobs.list(),
    stores.jobRuns.states(),
    stores.jobRuns.list({ limit: SHOWN }),
    stores.jobRuns.now(),
  ])
  const alive = await liveDaemons(stores)
  const channels = await channelViews(configured, stores.coordination, alive)
  const enabled = jobs.filter((job) => job.enabled)
  const failing = jobs.filter((job) => isFailing(states.get(job.id)))
  const { defaultTimezone } = stores.scheduledJobs
  const fires = enabled.flatMap((job) => {
    const [at] = upcomingFires(job, defaultTimezone, now, 1)
    return at ? [{ job_id: job.id, job_name: job.name ?? null, at, timezone: zoneOf(job, defaultTimezone) }] : []
  })
  fires.sort((a, b) => a.at.getTime() - b.at.getTime())
  const silent = enabled.length > 0 ? await daemonWarning(stores, settings) : undefined
  return {
    problems: [
      ...(silent === undefined ? [] : [silent]),
      ...daemonProblems(alive),
      ...channelProblems(channels),
      ...failing.map((job) => `job ${job.name ?? job.id} failed ${states.get(job.id)?.failures} times in a row`),
      ...unreadable.map(({ id, error }) => `job ${id} cannot be read: ${error.message}`),
      ...enabled.flatMap((job) => {
        const wrong = scheduleProblem(job, defaultTimezone)
        return wrong === undefined ? [] : [`job ${job.name ?? job.id} never fires: ${wrong}`]
      }),
    ],
    backend: { type: stores.type, location: stores.location, ok: true },
    warnings: daemonWarnings(alive),
    daemons: alive.map(daemonView),
    channels,
    jobs: { total: jobs.length, enabled: enabled.length, failing: failing.length },
    nextFires: fires.slice(0, SHOWN).map((fire) => ({ ...fire, at: fire.at.toISOString() })),
    lastRuns: runs.map(runView),
  }
}

/** How long the gateway may take to list its models, in ms. */
const GATEWAY_TIMEOUT_MS = 3_000

async function gatewayStatus({ settings }: LoadedSettings) {
  // An address with a password in it is refused, and must not be shown.
  let url = settings.gateway.url.replace(/\/\/[^/]*@/, '//***@')
  try {
    await using gateway = await gatewayOf(settings, true)
    url = gateway.url
    const models = await gateway.client.listModels(AbortSignal.timeout(GATEWAY_TIMEOUT_MS))
    return { url, models: models.length, problem: undefined }
  } catch (error) {
    return { url, models: 0, problem: error instanceof Error ? error.message : String(error) }
  }
}

interface StatusView {
  healthy: boolean
  problems: string[]
  backend: { type: string; location: string; ok: boolean }
  gateway: { url: string; ok: boolean; models: number }
  daemons: ReturnType<typeof daemonView>[]
  channels: ChannelView[]
  jobs: { total: number; enabled: number; failing: number }
  next_fires: { job_id: string; job_name: string | null; at: string; timezone: string }[]
  last_runs: ReturnType<typeof runView>[]
}

function text(view: StatusView): string {
  const now = new Date()
  const { backend, gateway, jobs } = view
  const list = (lines: string[], none: string) => (lines.length === 0 ? none : lines.join('\n'))
  const daemons = view.daemons.map(
    ({ id, host, pid, since, scheduler, behind }) =>
      `${id} on ${host} (pid ${pid}), started ${relative(new Date(since), now)}${scheduler ? '' : ', runs no jobs'}${behind ? ', behind' : ''}`,
  )
  const channels = view.channels.map(({ name, served_by }) => `${name}, served by ${served_by ?? 'nobody'}`)
  const fires = view.next_fires.map(
    ({ job_name, job_id, at, timezone }) => `${inZone(new Date(at), timezone)}  ${job_name ?? job_id}`,
  )
  const runs = view.last_runs.map((run) => `${run.scheduled_for}  ${run.state}  ${run.job_name ?? run.job_id}`)
  return properties({
    status: view.healthy ? 'healthy' : 'NOT healthy',
    problems: view.problems.length === 0 ? undefined : list(view.problems, ''),
    backend: `${backend.type} ${backend.location}${backend.ok ? '' : ' (not available)'}`,
    gateway: `${gateway.url}${gateway.ok ? ` (${gateway.models} models)` : ' (no answer)'}`,
    daemons: list(daemons, 'none seen for 60 s'),
    channels: channels.length === 0 ? undefined : list(channels, ''),
    jobs: `${jobs.total}, ${jobs.enabled} enabled, ${jobs.failing} failing`,
    'next fires': list(fires, 'none'),
    'last runs': list(runs, 'none'),
  })
}
