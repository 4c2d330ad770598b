import type { SchedulerFigures } from '#scheduler/observation.ts'
import type { RunState } from '#storage/contract/job-runs.ts'
import { DELAY_BUCKETS, type Histogram } from './run-statistics.ts'

export interface Metrics {
  readonly version: string
  readonly scheduler: SchedulerFigures
  /** Jobs that failed three times in a row; undefined while the store has not told. */
  readonly failing: number | undefined
  readonly ends: ReadonlyMap<RunState, number>
  readonly delays: Histogram
  readonly storeErrors: number
}

export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

type Sample = readonly [labels: Readonly<Record<string, string>>, value: number]

/** The page of `/metrics`, in the text format 0.0.4 of Prometheus. Each metric is explained in docs/operations.md. */
export function renderMetrics({ version, scheduler, failing, ends, delays, storeErrors }: Metrics): string {
  const states = [...ends].map(([state, count]): Sample => [{ state }, count])
  return [
    metric('infer_build_info', 'gauge', 'The release, as a label; always 1.', [[{ version }, 1]]),
    metric('infer_jobs', 'gauge', 'Jobs that this daemon knows and can compute.', scheduler.jobs),
    metric('infer_jobs_enabled', 'gauge', 'Jobs of infer_jobs that are not paused.', scheduler.enabled),
    ...(failing === undefined
      ? []
      : [metric('infer_jobs_failing', 'gauge', 'Jobs whose last three runs or more have failed.', failing)]),
    metric('infer_jobs_due', 'gauge', 'Jobs with a fire that is due and not claimed.', scheduler.due),
    metric('infer_runs_total', 'counter', 'Fires that came to an end in this daemon, by state.', states),
    metric('infer_runs_active', 'gauge', 'Runs whose agents this daemon waits for.', scheduler.activeRuns),
    histogram(
      'infer_claim_delay_seconds',
      'From the moment of a fire to its claim, by the clock of the store.',
      delays,
    ),
    metric(
      'infer_watch_lag_seconds',
      'gauge',
      'For how long the jobs have been out of sync with the store; 0 while they are in sync.',
      scheduler.watchLagMs / 1_000,
    ),
    metric('infer_store_errors_total', 'counter', 'Failures of the store that may pass.', storeErrors),
    metric(
      'infer_scheduler_behind',
      'gauge',
      '1 when a due fire has been unclaimed for 60 s beside a free slot.',
      scheduler.behind ? 1 : 0,
    ),
  ].join('')
}

function metric(name: string, type: 'gauge' | 'counter', help: string, samples: number | readonly Sample[]): string {
  const lines = typeof samples === 'number' ? [`${name} ${samples}`] : samples.map((sample) => line(name, sample))
  return page(name, type, help, lines)
}

function histogram(name: string, help: string, { atMost, count, sum }: Histogram): string {
  const buckets = DELAY_BUCKETS.map((bound, index): Sample => [{ le: String(bound) }, atMost[index] ?? 0])
  return page(name, 'histogram', help, [
    ...[...buckets, [{ le: '+Inf' }, count] as const].map((sample) => line(`${name}_bucket`, sample)),
    `${name}_sum ${sum}`,
    `${name}_count ${count}`,
  ])
}

function page(name: string, type: string, help: string, lines: readonly string[]): string {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines, ''].join('\n')
}

function line(name: string, [labels, value]: Sample): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`)
  return `${name}{${pairs.join(',')}} ${value}`
}

/** The text format: backslash, quote and line feed are escaped in the value of a label. */
function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
