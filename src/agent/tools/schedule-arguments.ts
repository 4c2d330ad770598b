import * as z from 'zod/mini'

/** What the tool can do. */
export const OPERATIONS = ['create', 'list', 'get', 'update', 'delete', 'pause', 'resume', 'run'] as const
/** What changes nothing: never asked for, and all that there is inside a run. */
export const READING: readonly Operation[] = ['list', 'get']

export type Operation = (typeof OPERATIONS)[number]

const fields = {
  cron_expression: z.optional(
    z.string().check(z.describe('Five fields, a descriptor such as @daily, or "@every 1h30m".')),
  ),
  prompt: z.optional(z.string().check(z.describe('What the agent is asked at each fire; it knows nothing else.'))),
  name: z.optional(z.string().check(z.describe('Short name for people.'))),
  description: z.optional(z.string().check(z.describe('What the job is for.'))),
  model: z.optional(z.string().check(z.describe('Model of the runs; left out: the configured one.'))),
  run_once: z.optional(z.boolean().check(z.describe('Removes the job after its first fire.'))),
  timezone: z.optional(
    z.string().check(z.describe('IANA zone of the expression; left out: the zone of this machine.')),
  ),
  job_id: z.optional(
    z
      .string()
      .check(z.describe('Job for get, update, delete, pause, resume and run: id, unique prefix, or unique name.')),
  ),
}
/** The arguments outside of a run. */
export const schema = z.object({ operation: z.enum(OPERATIONS).check(z.describe('What to do.')), ...fields })
/** The arguments inside of a run. */
export const runSchema = z.object({
  operation: z.enum(['list', 'get']).check(z.describe('What to do.')),
  job_id: fields.job_id,
})

export type ScheduleArguments = { operation: Operation } & Omit<z.output<typeof schema>, 'operation'>
