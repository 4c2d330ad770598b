import { describe, expect, it } from 'vitest'
import { FailingJobs } from '#daemon/failing-jobs.ts'
import type { JobState } from '#storage/contract/job-runs.ts'

function states(failures: Record<string, number>): Map<string, JobState> {
  const state = { scheduleHash: '', cursor: new Date(0), runs: [] }
  return new Map(Object.entries(failures).map(([id, count]) => [id, { ...state, failures: count }]))
}

describe('the count of failing jobs', () => {
  it('has those that exist and failed three times in a row, and asks once for all that ask', async () => {
    let asked = 0
    const runs = {
      states: async () => {
        asked += 1
        return states({ a: 2, b: 3, c: 4, deleted: 9 })
      },
    }
    const failing = new FailingJobs(runs, (id) => id !== 'deleted')
    expect(await Promise.all([failing.count(), failing.count()])).toEqual([2, 2])
    expect(await failing.count()).toBe(2)
    expect(asked).toBe(1)
  })

  it('is unknown while the store does not answer, and asked for again', async () => {
    let away = true
    const runs = {
      states: async () => {
        if (away) throw new Error('nobody answers')
        return states({ a: 3 })
      },
    }
    const failing = new FailingJobs(runs, () => true)
    expect(await failing.count()).toBeUndefined()
    away = false
    expect(await failing.count()).toBe(1)
  })
})
