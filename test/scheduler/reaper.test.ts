import { beforeAll, describe, expect, it } from 'vitest'
import { LeaseObserver } from '#scheduler/reaper.ts'
import type { JobRun } from '#storage/contract/job-runs.ts'
import { claimedRun } from './claimed-run.ts'

let run: JobRun

beforeAll(async () => {
  run = (await claimedRun()).run
})

/** Looks every 10 s from one moment to another; returns how many expired at each look. */
function watch(observer: LeaseObserver, from: number, until: number, open: (second: number) => JobRun[]): number[] {
  const found: number[] = []
  for (let second = from; second <= until; second += 10)
    found.push(observer.observe(open(second), second * 1_000).length)
  return found
}

describe('LeaseObserver', () => {
  it('expires a lease that was seen unchanged for 60 s', () => {
    expect(watch(new LeaseObserver(), 0, 70, () => [run])).toEqual([0, 0, 0, 0, 0, 0, 1, 1])
  })

  it.each(['lease', 'fence'] as const)('counts anew with a new %s', (field) => {
    const changed = { ...run, [field]: run[field] + 1 }
    const found = watch(new LeaseObserver(), 0, 90, (second) => [second < 30 ? run : changed])
    expect(found).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
  })

  it('counts each run by itself', () => {
    const other = { ...run, id: 'other' }
    const found = watch(new LeaseObserver(), 0, 80, (second) => (second < 20 ? [run] : [run, other]))
    expect(found).toEqual([0, 0, 0, 0, 0, 0, 1, 1, 2])
  })

  it('counts anew what was gone in between', () => {
    const found = watch(new LeaseObserver(), 0, 60, (second) => (second === 30 ? [] : [run]))
    expect(found).toEqual([0, 0, 0, 0, 0, 0, 0])
  })

  it('counts anew after it has not looked itself, such as while its process was stopped', () => {
    const observer = new LeaseObserver()
    watch(observer, 0, 50, () => [run])
    expect(watch(observer, 650, 710, () => [run])).toEqual([0, 0, 0, 0, 0, 0, 1])
  })

  it('counts anew after a reset', () => {
    const observer = new LeaseObserver()
    watch(observer, 0, 50, () => [run])
    observer.reset()
    expect(watch(observer, 60, 120, () => [run])).toEqual([0, 0, 0, 0, 0, 0, 1])
  })
})
