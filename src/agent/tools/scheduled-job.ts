import { cleanText } from '#agent/clean-text.ts'
import type { ChannelOrigin } from '#agent/open-session.ts'
import { ToolError } from '#agent/tool.ts'
import { type CronSchedule, describeZone, formatInZone, nextFires, scheduleZone, validate } from '#cron/index.ts'
import type { JsonObject } from '#storage/contract/json.ts'
import type { ScheduledJob, StoredJob } from '#storage/contract/scheduled-jobs.ts'
import type { ScheduleArguments } from './schedule-arguments.ts'

/** What jobs depend on besides the arguments of the model. */
interface Surroundings {
  readonly origin: ChannelOrigin | undefined
  readonly timezone: string
  /** The store's. */
  readonly now: Date
  readonly jobs: { readonly defaultTimezone: string }
}

/** How many fires an approval shows. */
const FIRES_SHOWN = 3

/** The job that a `create` asks for. Throws a ToolError when it could not run. */
export function newJob(args: ScheduleArguments, id: string, { origin, timezone, now }: Surroundings): ScheduledJob {
  const { cron_expression: cronExpression, prompt } = args
  if (cronExpression === undefined) throw new ToolError('cron_expression is missing')
  if (prompt === undefined || prompt.trim() === '') throw new ToolError('prompt is missing')
  const zone = optional(args.timezone) ?? timezone
  checkSchedule(cronExpression, zone)
  return withOptionalTexts(
    {
      id,
      cronExpression: cronExpression.trim(),
      timezone: zone,
      prompt: cleanText(prompt),
      ...(origin === undefined ? {} : { channel: origin.channel, recipientId: origin.recipientId }),
      runOnce: args.run_once ?? false,
      enabled: true,
      catchUp: 'latest',
      overlap: 'skip',
      createdAt: now,
      updatedAt: now,
    },
    args,
  )
}

/** The job after an `update`: what is left out stays, an empty name, description or model goes. */
export function changedJob(job: StoredJob, args: ScheduleArguments, at: Date): ScheduledJob {
  const { revision: _, lastRun: __, lastError: ___, ...definition } = job
  const { cron_expression: cronExpression, prompt, timezone, run_once: runOnce } = args
  if (prompt !== undefined && prompt.trim() === '') throw new ToolError('prompt is empty')
  const changed = withOptionalTexts(
    {
      ...definition,
      ...(cronExpression === undefined ? {} : { cronExpression: cronExpression.trim() }),
      ...(optional(timezone) === undefined ? {} : { timezone: timezone as string }),
      ...(prompt === undefined ? {} : { prompt: cleanText(prompt) }),
      ...(runOnce === undefined ? {} : { runOnce }),
      updatedAt: at,
    },
    args,
  )
  checkSchedule(changed.cronExpression, changed.timezone ?? 'UTC')
  return changed
}

function withOptionalTexts(job: ScheduledJob, args: ScheduleArguments): ScheduledJob {
  const result = { ...job }
  for (const key of ['name', 'description', 'model'] as const) {
    const text = args[key]
    if (text === undefined) continue
    if (text.trim() === '') delete result[key]
    else result[key] = cleanText(text.trim())
  }
  return result
}

function optional(text: string | undefined): string | undefined {
  return text === undefined || text.trim() === '' ? undefined : text
}

/** Refuses what never fires or is not understood, in the words of the cron grammar. */
export function checkSchedule(expression: string, timezone: string): CronSchedule {
  try {
    return validate(expression, timezone)
  } catch (error) {
    throw new ToolError(error instanceof Error ? error.message : String(error), { cause: error })
  }
}

interface Fires {
  readonly zone: string
  readonly fires: Date[]
}

function firesOf(job: ScheduledJob, { now, jobs }: Surroundings): Fires {
  const timezone = job.timezone ?? jobs.defaultTimezone
  const schedule = checkSchedule(job.cronExpression, timezone)
  const { createdAt } = job
  return {
    zone: scheduleZone(schedule, timezone),
    fires: nextFires(schedule, { timezone, createdAt, after: now }, FIRES_SHOWN),
  }
}

/** The job for the person who approves: expression, zone, the next three fires, and the whole prompt. */
export function describeJob(what: string, job: ScheduledJob, surroundings: Surroundings): string {
  const name = job.name === undefined ? `${what}:` : `${what} ${JSON.stringify(job.name)}:`
  return [
    name,
    ...fireLines(job, surroundings),
    ...(job.runOnce ? ['once:   it is removed after its first fire'] : []),
    ...(job.model === undefined ? [] : [`model:  ${job.model}`]),
    ...(job.channel === undefined ? [] : [`result: to ${job.channel} ${job.recipientId ?? ''}`]),
    'prompt:',
    job.prompt,
  ].join('\n')
}

function fireLines(job: ScheduledJob, surroundings: Surroundings): string[] {
  try {
    const { zone, fires } = firesOf(job, surroundings)
    return [
      `cron:   ${job.cronExpression}`,
      `zone:   ${describeZone(zone, fires[0] ?? surroundings.now)}`,
      `next:   ${fires.map((fire) => formatInZone(fire, zone)).join(', ')}`,
    ]
  } catch (error) {
    // A job written by hand may be wrong, and must still be shown and deleted.
    return [`cron:   ${job.cronExpression} (${error instanceof Error ? error.message : String(error)})`]
  }
}

/** The job for the model, with the keys of the files. */
export function jobView(job: StoredJob, surroundings: Surroundings): JsonObject {
  const texts = {
    name: job.name,
    description: job.description,
    timezone: job.timezone,
    channel: job.channel,
    recipient_id: job.recipientId,
    model: job.model,
    last_run: job.lastRun?.toISOString(),
    last_error: job.lastError,
  }
  return {
    id: job.id,
    cron_expression: job.cronExpression,
    prompt: job.prompt,
    run_once: job.runOnce,
    enabled: job.enabled,
    ...Object.fromEntries(Object.entries(texts).flatMap(([key, text]) => (text === undefined ? [] : [[key, text]]))),
    created_at: job.createdAt.toISOString(),
    updated_at: job.updatedAt.toISOString(),
    next_fires: job.enabled ? nextOf(job, surroundings) : [],
  }
}

function nextOf(job: ScheduledJob, surroundings: Surroundings): string[] {
  try {
    const { zone, fires } = firesOf(job, surroundings)
    return fires.map((fire) => formatInZone(fire, zone))
  } catch {
    return []
  }
}
