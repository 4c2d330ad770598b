import { boolean, string } from '@oclif/core/flags'
import { BaseCommand, jsonFlags, requiredArg } from '#command.ts'
import { findJob } from '#commands/find-job.ts'
import { fireLines } from '#commands/fire-lines.ts'
import { jobView } from '#commands/job-view.ts'
import { promptText } from '#commands/prompt-text.ts'
import { saveChanged } from '#commands/save-job.ts'
import { checkSchedule } from '#commands/schedules/create.ts'
import { InferError } from '#errors.ts'
import type { ScheduledJob } from '#storage/contract/scheduled-jobs.ts'

export default class SchedulesUpdate extends BaseCommand {
  static override description =
    'Change a job. What is left out stays; an empty --name, --description or --model removes it. What runs goes on as it began.'
  static override examples = [
    '<%= config.bin %> schedules update hello --cron "0 9 * * MON-FRI" --timezone Europe/Berlin',
    '<%= config.bin %> schedules update 3b6dd43b --prompt - < prompt.md',
    '<%= config.bin %> schedules update hello --no-run-once --model ""',
  ]
  static override args = { job: requiredArg('Id, unique beginning of it, or unique name.') }
  static override flags = {
    ...jsonFlags,
    cron: string({ description: 'When: five fields, @daily and the like, or "@every 1h30m".' }),
    prompt: string({ description: 'What the agent is asked; - reads stdin.' }),
    name: string({ description: 'Short name.' }),
    description: string({ description: 'What it is for.' }),
    timezone: string({ description: 'IANA zone of the expression.' }),
    model: string({ description: 'Model for its runs.' }),
    'run-once': boolean({ allowNo: true, description: 'Run at the next fire and delete the job then.' }),
    channel: string({
      description: 'Channel that gets the result; empty, with an empty --recipient, for none.',
      dependsOn: ['recipient'],
    }),
    recipient: string({ description: 'Recipient in that channel.', dependsOn: ['channel'] }),
    'catch-up': string({ options: ['latest', 'none'], description: 'What happens with missed fires.' }),
    overlap: string({
      options: ['skip', 'allow'],
      description: 'What happens with a fire whose predecessor still runs.',
    }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(SchedulesUpdate)
    const changes = await changesOf(flags)
    await this.withStores(async (stores) => {
      const { scheduledJobs, jobRuns } = stores
      const { defaultTimezone } = scheduledJobs
      const job = await findJob(stores, args.job)
      const now = await jobRuns.now()
      const changed = { ...job, ...changes, updatedAt: now }
      checkSchedule(changed.cronExpression, changed.timezone ?? defaultTimezone)
      const saved = await saveChanged(scheduledJobs, changed, job.revision)
      const anew = saved.cronExpression !== job.cronExpression || saved.timezone !== job.timezone
      this.printResult(flags, jobView(saved, defaultTimezone, now), () =>
        [
          `Updated job ${saved.id}.`,
          ...(anew ? ['Its schedule starts anew: no fire from before this change is caught up.'] : []),
          saved.enabled
            ? `Next fires:\n${fireLines(saved, defaultTimezone, now)}`
            : `It is paused: infer schedules resume ${saved.id}`,
        ].join('\n'),
      )
    })
  }
}

interface UpdateFlags {
  cron: string | undefined
  prompt: string | undefined
  name: string | undefined
  description: string | undefined
  timezone: string | undefined
  model: string | undefined
  'run-once': boolean | undefined
  channel: string | undefined
  recipient: string | undefined
  'catch-up': string | undefined
  overlap: string | undefined
}

/** The fields that the flags name; the store keeps empty text as absent. Throws E_USAGE when there is none. */
async function changesOf(flags: UpdateFlags): Promise<Partial<ScheduledJob>> {
  const { channel, recipient } = flags
  if ((channel === '') !== (recipient === '')) {
    throw new InferError('E_USAGE', '--channel and --recipient are given together or removed together', {
      hint: 'to remove the recipient: --channel "" --recipient ""',
    })
  }
  const fields = {
    cronExpression: flags.cron?.trim(),
    prompt: flags.prompt === undefined ? undefined : await promptText(flags.prompt),
    name: flags.name?.trim(),
    description: flags.description?.trim(),
    timezone: flags.timezone,
    model: flags.model?.trim(),
    runOnce: flags['run-once'],
    channel,
    recipientId: recipient,
    catchUp: flags['catch-up'],
    overlap: flags.overlap,
  }
  const given = Object.entries(fields).filter(([, value]) => value !== undefined)
  if (given.length === 0) {
    throw new InferError('E_USAGE', 'nothing is to be changed', {
      hint: 'name what: infer schedules update JOB --cron "0 9 * * *"; infer help schedules update shows all flags',
    })
  }
  return Object.fromEntries(given)
}
