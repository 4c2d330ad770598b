import type { JsonObject, JsonValue } from '#storage/contract/json.ts'
import type { CatchUp, Overlap, ScheduledJob } from '#storage/contract/scheduled-jobs.ts'
import { compact, defined, field } from './fields.ts'

/** The fields of a definition and no others, with empty text as absent: what every backend keeps of it. */
export function jobDefinition(job: ScheduledJob): ScheduledJob {
  return defined<ScheduledJob>({
    id: job.id,
    name: job.name || undefined,
    description: job.description || undefined,
    cronExpression: job.cronExpression,
    timezone: job.timezone || undefined,
    prompt: job.prompt,
    channel: job.channel || undefined,
    recipientId: job.recipientId || undefined,
    model: job.model || undefined,
    runOnce: job.runOnce,
    enabled: job.enabled,
    catchUp: job.catchUp,
    overlap: job.overlap,
    createdAt: new Date(job.createdAt),
    updatedAt: new Date(job.updatedAt),
  })
}

/**
 * A definition as the files and databases hold it: snake_case keys in the order of the historical files, empty text
 * and default values left out, times in ISO 8601 UTC with milliseconds.
 */
export function jobToDocument(job: ScheduledJob): JsonObject {
  return compact(jobFields(job))
}

/** `jobToDocument` with undefined for what is left out, which JSON leaves out too. */
export function jobFields(job: ScheduledJob): Record<string, JsonValue | undefined> {
  return {
    id: job.id,
    name: job.name || undefined,
    description: job.description || undefined,
    cron_expression: job.cronExpression,
    timezone: job.timezone || undefined,
    prompt: job.prompt,
    channel: job.channel || undefined,
    recipient_id: job.recipientId || undefined,
    model: job.model || undefined,
    run_once: job.runOnce || undefined,
    enabled: job.enabled ? undefined : false,
    catch_up: job.catchUp === 'latest' ? undefined : job.catchUp,
    overlap: job.overlap === 'skip' ? undefined : job.overlap,
    created_at: job.createdAt.getTime() === 0 ? undefined : job.createdAt.toISOString(),
    updated_at: job.updatedAt.getTime() === 0 ? undefined : job.updatedAt.toISOString(),
  }
}

/** Throws DocumentError. Unknown keys are left alone. */
export function jobFromDocument(doc: JsonObject): ScheduledJob {
  return defined<ScheduledJob>({
    id: field.text(doc, 'id'),
    name: field.optionalText(doc, 'name'),
    description: field.optionalText(doc, 'description'),
    cronExpression: field.text(doc, 'cron_expression'),
    timezone: field.optionalText(doc, 'timezone'),
    prompt: field.text(doc, 'prompt'),
    channel: field.optionalText(doc, 'channel'),
    recipientId: field.optionalText(doc, 'recipient_id'),
    model: field.optionalText(doc, 'model'),
    runOnce: field.flag(doc, 'run_once', false),
    enabled: field.flag(doc, 'enabled', true),
    catchUp: field.oneOf<CatchUp>(doc, 'catch_up', ['latest', 'none'], 'latest'),
    overlap: field.oneOf<Overlap>(doc, 'overlap', ['skip', 'allow'], 'skip'),
    createdAt: field.optionalDate(doc, 'created_at') ?? new Date(0),
    updatedAt: field.optionalDate(doc, 'updated_at') ?? new Date(0),
  })
}
