import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Metrics, renderMetrics } from '#daemon/metrics.ts'
import { RunStatistics } from '#daemon/run-statistics.ts'

const SCHEDULER = { jobs: 5, enabled: 4, due: 2, behind: false, activeRuns: 3, watchLagMs: 0 }

function render(more: Partial<Metrics> = {}, statistics = new RunStatistics()): string {
  const { ends, delays } = statistics
  return renderMetrics({ version: '1.2.3', scheduler: SCHEDULER, failing: 1, ends, delays, storeErrors: 7, ...more })
}

describe('the page of metrics', () => {
  it('is this, in the text format', () => {
    const statistics = new RunStatistics()
    for (const delayMs of [0, 20, 20.5, 5_000_000]) statistics.claimed(delayMs)
    statistics.ended('succeeded', 1)
    statistics.ended('missed', 12)
    const scheduler = { ...SCHEDULER, behind: true, watchLagMs: 1_500 }
    expect(render({ scheduler }, statistics)).toBe(`# HELP infer_build_info The release, as a label; always 1.
# TYPE infer_build_info gauge
infer_build_info{version="1.2.3"} 1
# HELP infer_jobs Jobs that this daemon knows and can compute.
# TYPE infer_jobs gauge
infer_jobs 5
# HELP infer_jobs_enabled Jobs of infer_jobs that are not paused.
# TYPE infer_jobs_enabled gauge
infer_jobs_enabled 4
# HELP infer_jobs_failing Jobs whose last three runs or more have failed.
# TYPE infer_jobs_failing gauge
infer_jobs_failing 1
# HELP infer_jobs_due Jobs with a fire that is due and not claimed.
# TYPE infer_jobs_due gauge
infer_jobs_due 2
# HELP infer_runs_total Fires that came to an end in this daemon, by state.
# TYPE infer_runs_total counter
infer_runs_total{state="succeeded"} 1
infer_runs_total{state="failed"} 0
infer_runs_total{state="lost"} 0
infer_runs_total{state="interrupted"} 0
infer_runs_total{state="skipped"} 0
infer_runs_total{state="missed"} 12
# HELP infer_runs_active Runs whose agents this daemon waits for.
# TYPE infer_runs_active gauge
infer_runs_active 3
# HELP infer_claim_delay_seconds From the moment of a fire to its claim, by the clock of the store.
# TYPE infer_claim_delay_seconds histogram
infer_claim_delay_seconds_bucket{le="0.01"} 1
infer_claim_delay_seconds_bucket{le="0.02"} 2
infer_claim_delay_seconds_bucket{le="0.05"} 3
infer_claim_delay_seconds_bucket{le="0.1"} 3
infer_claim_delay_seconds_bucket{le="0.25"} 3
infer_claim_delay_seconds_bucket{le="0.5"} 3
infer_claim_delay_seconds_bucket{le="1"} 3
infer_claim_delay_seconds_bucket{le="2.5"} 3
infer_claim_delay_seconds_bucket{le="5"} 3
infer_claim_delay_seconds_bucket{le="10"} 3
infer_claim_delay_seconds_bucket{le="30"} 3
infer_claim_delay_seconds_bucket{le="60"} 3
infer_claim_delay_seconds_bucket{le="300"} 3
infer_claim_delay_seconds_bucket{le="3600"} 3
infer_claim_delay_seconds_bucket{le="+Inf"} 4
infer_claim_delay_seconds_sum 5000.0405
infer_claim_delay_seconds_count 4
# HELP infer_watch_lag_seconds For how long the jobs have been out of sync with the store; 0 while they are in sync.
# TYPE infer_watch_lag_seconds gauge
infer_watch_lag_seconds 1.5
# HELP infer_store_errors_total Failures of the store that may pass.
# TYPE infer_store_errors_total counter
infer_store_errors_total 7
# HELP infer_scheduler_behind 1 when a due fire has been unclaimed for 60 s beside a free slot.
# TYPE infer_scheduler_behind gauge
infer_scheduler_behind 1
`)
  })

  it('leaves out what the store has not told', () => {
    expect(render({ failing: undefined })).not.toContain('infer_jobs_failing')
    expect(render({ failing: 0 })).toContain('\ninfer_jobs_failing 0\n')
  })

  it('has each of its metrics, and no other, in the document', () => {
    const names = [...render().matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name)
    const document = readFileSync(join(import.meta.dirname, '../../docs/operations.md'), 'utf8')
    const rows = [...document.matchAll(/^\| `(infer_\w+)[^|]*` \| (?:gauge|counter|histogram)/gm)].map(
      ([, name]) => name,
    )
    expect(rows).toEqual(names)
  })

  it('escapes the value of a label', () => {
    expect(render({ version: 'a"b\\c\nd' })).toContain('infer_build_info{version="a\\"b\\\\c\\nd"} 1\n')
  })
})
