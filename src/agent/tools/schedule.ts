import { randomUUID } from 'node:crypto'
import type { ChannelOrigin } from '#agent/open-session.ts'
import { type Tool, ToolError, type ToolResult } from '#agent/tool.ts'
import type { JsonValue } from '#storage/contract/json.ts'
import type { ScheduledJob, ScheduledJobStorage, StoredJob } from '#storage/contract/scheduled-jobs.ts'
import { parametersOf, parseWith } from './arguments.ts'
import { OPERATIONS, READING, runSchema, type ScheduleArguments, schema } from './schedule-arguments.ts'
import { changedJob, checkSchedule, describeJob, jobView, newJob } from './scheduled-job.ts'

export interface ScheduleDependencies {
  readonly jobs: Pick<ScheduledJobStorage, 'save' | 'load' | 'list' | 'delete' | 'defaultTimezone'>
  readonly backend: { readonly type: string; readonly shared: boolean }
  /** Inside a run only `list` and `get` are offered: jobs that make jobs would never end. */
  readonly insideRun: boolean
  /** The chat that the session belongs to: it sees and changes its own jobs only. */
  readonly origin: ChannelOrigin | undefined
  /** Zone of this process; stored in jobs that name none. */
  readonly timezone: string
  /** `tools.schedule.max_jobs`, over all jobs of the store. */
  readonly maxJobs: number
  readonly requireApproval: boolean
  /** The store's clock. */
  readonly now: () => Promise<Date>
  /** Runs a job at once, in a process of its own, and waits for its end; gives the run. Throws a ToolError. */
  readonly runNow: (jobId: string, signal: AbortSignal) => Promise<JsonValue>
}

/** Creates and manages jobs. */
export function scheduleTool(dependencies: ScheduleDependencies): Tool<ScheduleArguments> {
  const { jobs, insideRun, requireApproval } = dependencies
  const surroundings = async () => ({ ...dependencies, now: await dependencies.now() })

  async function prepare(args: ScheduleArguments): Promise<string | undefined> {
    refuseBackend(dependencies.backend)
    if (READING.includes(args.operation)) return undefined
    const here = await surroundings()
    switch (args.operation) {
      case 'create':
        await refuseFull(dependencies)
        return describeJob('Create a job', newJob(args, randomUUID(), here), here)
      case 'update':
        return describeJob('Change the job to', changedJob(await find(args, dependencies), args, here.now), here)
      case 'delete':
      case 'pause':
      case 'resume':
      case 'run':
        return describeJob(`${title(args.operation)} the job`, await find(args, dependencies), here)
      default:
        return undefined
    }
  }

  async function carry(args: ScheduleArguments, signal: AbortSignal): Promise<JsonValue> {
    const here = await surroundings()
    const save = async (job: ScheduledJob, expected: string) => jobView(await jobs.save(job, { expected }), here)
    if (args.operation === 'list') return { jobs: (await visible(dependencies)).map((job) => jobView(job, here)) }
    if (args.operation === 'create') return await save(newJob(args, randomUUID(), here), 'absent')
    const job = await find(args, dependencies)
    switch (args.operation) {
      case 'update':
        return await save(changedJob(job, args, here.now), job.revision)
      case 'pause':
        return await save({ ...job, enabled: false, updatedAt: here.now }, job.revision)
      case 'resume':
        checkSchedule(job.cronExpression, job.timezone ?? jobs.defaultTimezone)
        return await save({ ...job, enabled: true, updatedAt: here.now }, job.revision)
      case 'run':
        return await dependencies.runNow(job.id, signal)
      case 'delete':
        await jobs.delete(job.id)
        return { deleted: job.id }
      default:
        return jobView(job, here)
    }
  }

  return {
    name: 'Schedule',
    description: insideRun
      ? 'Lists the scheduled jobs, or shows one.'
      : 'Manages jobs that run an agent with a prompt on a cron schedule: create, list, get, update, delete, pause, ' +
        'resume, run (at once, and wait for its result). The result of a fire goes to the chat in which the job was created.',
    parameters: parametersOf(insideRun ? runSchema : schema),
    approvalKey: 'tools.schedule.require_approval',
    parse(args) {
      if (!insideRun) return parseWith(schema, args)
      const { operation } = args
      if (OPERATIONS.some((one) => one === operation) && !READING.some((one) => one === operation)) {
        throw new ToolError('inside a scheduled run only list and get are offered')
      }
      return parseWith(runSchema, args)
    },
    needsApproval: ({ operation }) => requireApproval && !READING.includes(operation),
    prepare,
    run: async (args, { signal }): Promise<ToolResult> => {
      // Somebody may have taken their time to approve: what was checked before is checked again.
      await prepare(args)
      return { data: await carry(args, signal) }
    },
  }
}

function title(word: string): string {
  return word.slice(0, 1).toUpperCase() + word.slice(1)
}

function refuseBackend({ type, shared }: ScheduleDependencies['backend']): void {
  if (shared) return
  throw new ToolError(
    `jobs cannot be scheduled with storage.type ${type}: no daemon would see them; set it to jsonl, sqlite, postgres or redis`,
  )
}

async function refuseFull({ jobs, maxJobs }: ScheduleDependencies): Promise<void> {
  const { jobs: readable, unreadable } = await jobs.list()
  const count = readable.length + unreadable.length
  if (count < maxJobs) return
  throw new ToolError(`there are ${count} jobs already and tools.schedule.max_jobs is ${maxJobs}; delete one first`)
}

async function visible({ jobs, origin }: ScheduleDependencies): Promise<StoredJob[]> {
  const all = (await jobs.list()).jobs
  if (origin === undefined) return all
  return all.filter((job) => job.channel === origin.channel && job.recipientId === origin.recipientId)
}

async function find({ job_id }: ScheduleArguments, dependencies: ScheduleDependencies): Promise<StoredJob> {
  if (job_id === undefined || job_id === '') throw new ToolError('job_id is missing')
  const all = await visible(dependencies)
  const exact = all.filter((job) => job.id === job_id)
  const byName = exact.length > 0 ? exact : all.filter((job) => job.name === job_id)
  const found = byName.length > 0 ? byName : all.filter((job) => job.id.startsWith(job_id))
  const [job] = found
  if (job === undefined) throw new ToolError(`there is no job ${JSON.stringify(job_id)}`)
  if (found.length === 1) return job
  throw new ToolError(`${JSON.stringify(job_id)} means several jobs: ${found.map(({ id }) => id).join(', ')}`)
}
