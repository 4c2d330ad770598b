import { describe, expect, it } from 'vitest'
import { scheduleTool } from '#agent/tools/schedule.ts'
import type { JsonObject } from '#storage/contract/json.ts'
import { job } from '../storage/conformance/samples.ts'
import { makeBackend } from '../support/backends.ts'
import { DURABLE } from './durable.ts'

const CHANGES: JsonObject[] = [
  { operation: 'update', job_id: 'doomed', prompt: 'from an old copy' },
  { operation: 'pause', job_id: 'doomed' },
  { operation: 'resume', job_id: 'doomed' },
]

describe('the tool Schedule, whose job another process deletes between its look and its save,', () => {
  it.each(DURABLE)('does not bring the job back on %s', async (type) => {
    await using backend = await makeBackend(type)
    const stores = await backend.open()
    const other = await backend.open()
    const { scheduledJobs } = stores
    const tool = scheduleTool({
      jobs: {
        ...scheduledJobs,
        defaultTimezone: 'UTC',
        async save(changed, options) {
          await other.scheduledJobs.delete(changed.id)
          return await scheduledJobs.save(changed, options)
        },
      },
      backend: { type, shared: true },
      insideRun: false,
      origin: undefined,
      timezone: 'UTC',
      maxJobs: 100,
      requireApproval: false,
      now: () => stores.jobRuns.now(),
      runNow: async () => null,
    })
    const call = { id: 'c', type: 'function' as const, function: { name: 'Schedule', arguments: '' } }
    const { signal } = new AbortController()
    for (const change of CHANGES) {
      await scheduledJobs.save(job('doomed', { enabled: change.operation !== 'resume' }))
      await expect(tool.run(tool.parse(change), { signal, call })).rejects.toMatchObject({ code: 'E_NOT_FOUND' })
      expect(await other.scheduledJobs.list()).toEqual({ jobs: [], unreadable: [] })
    }
  })
})
