import type { ScheduledJob } from '#storage/contract/scheduled-jobs.ts'
import { isId } from '#storage/rules/check.ts'
import { jobFromDocument, jobToDocument } from '#storage/rules/job-document.ts'
import { corrupt, readStored, sha1 } from './corrupt.ts'
import { keys } from './keys.ts'

export function jobToText(job: ScheduledJob): string {
  return JSON.stringify(jobToDocument(job))
}

/**
 * A definition out of its key. The key names the job, whatever `id` the text holds. Throws E_CORRUPT, also when the
 * text is not what the server hashed: then it holds bytes that are no UTF-8 and would be changed by a save.
 */
export function jobFromText(id: string, text: string, hashed: string): ScheduledJob {
  const key = `${keys.jobs}${id}`
  if (!isId(id)) throw corrupt(key, 'its name is no id of a job')
  if (hashed === '') throw corrupt(key, 'it is no string')
  if (sha1(text) !== hashed) throw corrupt(key, 'it holds bytes that are no UTF-8')
  return readStored(key, text, (doc) => jobFromDocument({ ...doc, id }))
}
