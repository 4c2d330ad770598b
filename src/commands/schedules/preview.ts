import { integer, string } from '@oclif/core/flags'
import { BaseCommand, jsonFlags, requiredArg } from '#command.ts'
import { findJob } from '#commands/find-job.ts'
import { checkSchedule } from '#commands/schedules/create.ts'
import { CronError, machineZone, nextFires, parseCron, scheduleZone } from '#cron/index.ts'
import { InferError } from '#errors.ts'
import { inZone } from '#terminal/time.ts'

export default class SchedulesPreview extends BaseCommand {
  static override description = 'Print the next fires of an expression or of a job. An expression opens no storage.'
  static override examples = [
    '<%= config.bin %> schedules preview "30 2 * * *" --timezone Europe/Berlin --from 2026-03-27T00:00:00Z',
    '<%= config.bin %> schedules preview hello',
  ]
  static override args = { schedule: requiredArg('Cron expression, or a job.') }
  static override flags = {
    ...jsonFlags,
    timezone: string({ description: "IANA zone of the expression; this machine's, or the job's, without it." }),
    from: string({ description: 'Fires strictly after this moment, ISO 8601; now without it.' }),
    count: integer({ default: 5, min: 1, max: 1000, description: 'How many.' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(SchedulesPreview)
    const after = flags.from === undefined ? new Date() : new Date(flags.from)
    if (Number.isNaN(after.getTime()) || !/^\d{4}-\d\d-\d\d/.test(flags.from ?? '2000-01-01')) {
      throw new InferError('E_USAGE', `--from ${JSON.stringify(flags.from)} is no moment`, {
        hint: 'write it as 2026-03-27T00:00:00Z',
      })
    }
    const { expression, timezone, createdAt } = await this.#schedule(args.schedule, flags.timezone)
    checkSchedule(expression, timezone)
    const schedule = parseCron(expression)
    const zone = scheduleZone(schedule, timezone)
    const fires = nextFires(schedule, { after, timezone, createdAt }, flags.count)
    const view = { cron_expression: expression, timezone: zone, fires: fires.map((fire) => fire.toISOString()) }
    this.printResult(flags, view, () => fires.map((fire) => `${fire.toISOString()}  ${inZone(fire, zone)}`).join('\n'))
  }

  /** What is no expression is a job, whose name may have spaces. */
  async #schedule(text: string, timezone: string | undefined) {
    const expression = text.trim()
    const problem = problemWith(expression)
    if (problem === undefined || LIKE_CRON.test(expression)) {
      return { expression, timezone: timezone ?? machineZone(), createdAt: new Date() }
    }
    const { job, defaultTimezone } = await this.withStores(async (stores) => ({
      job: await findJob(stores, text).catch((error: unknown) => {
        throw isNotFound(error) && /\s/.test(expression) ? new InferError('E_USAGE', problem) : error
      }),
      defaultTimezone: stores.scheduledJobs.defaultTimezone,
    }))
    return {
      expression: job.cronExpression,
      timezone: timezone ?? job.timezone ?? defaultTimezone,
      createdAt: job.createdAt,
    }
  }
}

/** Begins as only expressions do, or has as many fields as they have. */
const LIKE_CRON = /^(@|[\d*]\S*\s|(CRON_)?TZ=)|^\S+(\s+\S+){4}$/

function problemWith(expression: string): string | undefined {
  try {
    parseCron(expression)
    return undefined
  } catch (error) {
    if (error instanceof CronError) return error.message
    throw error
  }
}

const isNotFound = (error: unknown) => error instanceof InferError && error.code === 'E_NOT_FOUND'
