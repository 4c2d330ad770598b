import { randomUUID } from 'node:crypto'
import { boolean, string } from '@oclif/core/flags'
import { BaseCommand, jsonFlags } from '#command.ts'
import { daemonWarning } from '#commands/daemon-warning.ts'
import { fireLines } from '#commands/fire-lines.ts'
import { jobView } from '#commands/job-view.ts'
import { promptText } from '#commands/prompt-text.ts'
import { CronError, machineZone, validate } from '#cron/index.ts'
import { InferError } from '#errors.ts'
import type { ScheduledJob } from '#storage/contract/scheduled-jobs.ts'

export default class SchedulesCreate extends BaseCommand {
  static override description =
    'Schedule a prompt. The daemon (infer channels-manager) runs it, on whichever host it is.'
  static override examples = [
    '<%= config.bin %> schedules create --cron "0 9 * * MON-FRI" --prompt "summarise the open issues"',
    'echo "say hello" | <%= config.bin %> schedules create --cron "@every 10m" --prompt - --name hello',
  ]
  static override flags = {
    ...jsonFlags,
    cron: string({ required: true, description: 'When: five fields, @daily and the like, or "@every 1h30m".' }),
    prompt: string({ required: true, description: 'What the agent is asked; - reads stdin.' }),
    name: string({ description: 'Short name.' }),
    description: string({ description: 'What it is for.' }),
    timezone: string({ description: "IANA zone of the expression; this machine's without it." }),
    model: string({ description: 'Model for its runs.' }),
    'run-once': boolean({ default: false, description: 'Run at the first fire and delete the job then.' }),
    channel: string({ description: 'Channel that gets the result.', dependsOn: ['recipient'] }),
    recipient: string({ description: 'Recipient in that channel.', dependsOn: ['channel'] }),
    'catch-up': string({
      options: ['latest', 'none'],
      default: 'latest',
      description: 'What happens with missed fires.',
    }),
    overlap: string({
      options: ['skip', 'allow'],
      default: 'skip',
      description: 'What happens with a fire whose predecessor still runs.',
    }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(SchedulesCreate)
    const timezone = flags.timezone ?? machineZone()
    checkSchedule(flags.cron, timezone)
    const prompt = await promptText(flags.prompt)
    await this.withStores(async (stores, { settings }) => {
      if (!stores.capabilities.shared) throw notShared(stores.type)
      const now = await stores.jobRuns.now()
      const job: ScheduledJob = {
        id: randomUUID(),
        cronExpression: flags.cron.trim(),
        timezone,
        prompt,
        runOnce: flags['run-once'],
        enabled: true,
        catchUp: flags['catch-up'] as ScheduledJob['catchUp'],
        overlap: flags.overlap as ScheduledJob['overlap'],
        createdAt: now,
        updatedAt: now,
        ...(flags.name !== undefined && { name: flags.name }),
        ...(flags.description !== undefined && { description: flags.description }),
        ...(flags.model !== undefined && { model: flags.model }),
        ...(flags.channel !== undefined && { channel: flags.channel, recipientId: flags.recipient ?? '' }),
      }
      const saved = await stores.scheduledJobs.save(job, { expected: 'absent' })
      if (flags.channel !== undefined && flags.channel !== 'telegram') {
        this.warning(`there is no channel ${flags.channel}, only telegram, so results stay in the runs`)
      }
      const warning = await daemonWarning(stores, settings)
      if (warning !== undefined) this.warning(warning)
      this.printResult(flags, jobView(saved, timezone, now), () => {
        return `Created job ${saved.id}. Next fires:\n${fireLines(saved, timezone, now)}`
      })
    })
  }
}

/** Refuses a schedule that the grammar or the calendar does not allow. */
export function checkSchedule(expression: string, timezone: string): void {
  try {
    validate(expression, timezone)
  } catch (error) {
    if (error instanceof CronError) throw new InferError('E_USAGE', error.message, { cause: error })
    throw error
  }
}

function notShared(type: string): InferError {
  return new InferError('E_CONFIG', `storage.type ${type} ends with this process, so no daemon would see the job`, {
    hint: 'choose another: infer config set storage.type jsonl',
  })
}
