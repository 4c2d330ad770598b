import { describe, expect, it } from 'vitest'
import { parseCron } from '#cron/index.ts'
import { type Due, type DueInput, due } from '#scheduler/due.ts'

const HOUR_MS = 3_600_000
const day = (time: string) => new Date(`2026-05-06T${time}Z`)

interface Case {
  what: string
  cron?: string
  /** Default 08:00:00. */
  cursor?: string
  now: string
  /** Default: before everything, so that nothing was missed for want of a daemon. */
  readyAt?: string
  job?: Partial<DueInput['job']>
  timezone?: string
  expected: Due
}

const wait = (at: string | undefined): Due => ({ kind: 'wait', at: at === undefined ? undefined : day(at) })
const missed = (first: string, last: string, count: number, reason: string) => ({
  missed: { first: day(first), last: day(last), count, reason },
})
const run = (at: string, trigger: 'schedule' | 'catch-up', more: object = {}): Due => ({
  kind: 'claim',
  scheduledFor: day(at),
  trigger,
  ...more,
})
const record = (first: string, last: string, count: number, reason: string): Due =>
  run(last, 'schedule', { recordOnly: true, ...missed(first, last, count, reason) })

const ABSENT = 'no daemon was there'
const BUSY = 'no daemon had a free slot in time'

const CASES: Case[] = [
  { what: 'waits for the next fire', now: '08:02:00', expected: wait('08:05:00') },
  { what: 'takes a fire at its very moment', now: '08:05:00', expected: run('08:05:00', 'schedule') },
  { what: 'takes no fire a millisecond early', now: '08:04:59.999', expected: wait('08:05:00') },
  { what: 'never takes the fire at the cursor', cursor: '08:05:00', now: '08:05:00', expected: wait('08:10:00') },
  {
    what: 'waits for the cursor when it is ahead of now',
    cursor: '10:00:00',
    now: '08:07:00',
    expected: wait('10:05:00'),
  },
  { what: 'never fires while paused', now: '09:00:00', job: { enabled: false }, expected: wait(undefined) },
  {
    what: 'has no fire to wait for when the expression has none left',
    cron: '@every 2562047h',
    now: '08:00:00',
    job: { createdAt: new Date(Date.UTC(9900, 0, 1)) },
    expected: wait(undefined),
  },
  {
    what: 'runs a fire that waited for a slot',
    now: '08:09:59',
    expected: run('08:05:00', 'schedule'),
  },
  {
    what: 'runs the newest of several that waited, the others are missed',
    now: '08:21:00',
    expected: run('08:20:00', 'schedule', missed('08:05:00', '08:15:00', 3, 'no daemon took them in time')),
  },
  {
    what: 'runs one that waited also when nothing is caught up',
    now: '08:09:00',
    job: { catchUp: 'none' },
    expected: run('08:05:00', 'schedule'),
  },
  {
    what: 'takes a single fire of a moment before it came as it is',
    now: '08:05:10',
    readyAt: '08:05:10',
    expected: run('08:05:00', 'schedule'),
  },
  {
    what: 'the same when nothing is caught up',
    now: '08:05:10',
    readyAt: '08:05:10',
    job: { catchUp: 'none' },
    expected: run('08:05:00', 'schedule'),
  },
  {
    what: 'catches up one fire that nobody was there for',
    now: '08:05:11',
    readyAt: '08:05:11',
    expected: run('08:05:00', 'catch-up'),
  },
  {
    what: 'catches up the newest, the others are one gap',
    now: '08:21:00',
    readyAt: '08:21:00',
    expected: run('08:20:00', 'catch-up', missed('08:05:00', '08:15:00', 3, ABSENT)),
  },
  {
    what: 'catches up, however young the newest, when others were missed',
    now: '08:10:01',
    readyAt: '08:10:01',
    expected: run('08:10:00', 'catch-up', missed('08:05:00', '08:05:00', 1, ABSENT)),
  },
  {
    what: 'takes the newest as it is when it came in time for it, the others were missed',
    now: '08:10:00',
    readyAt: '08:10:00',
    expected: run('08:10:00', 'schedule', missed('08:05:00', '08:05:00', 1, ABSENT)),
  },
  {
    what: 'only records when nothing is caught up',
    now: '08:21:00',
    readyAt: '08:21:00',
    job: { catchUp: 'none' },
    expected: record('08:05:00', '08:20:00', 4, ABSENT),
  },
  {
    what: 'only records a single one when nothing is caught up',
    now: '08:05:11',
    readyAt: '08:05:11',
    job: { catchUp: 'none' },
    expected: record('08:05:00', '08:05:00', 1, ABSENT),
  },
  {
    what: 'catches up a fire as old as the window',
    cron: '0 9 * * *',
    now: '10:00:00',
    readyAt: '10:00:00',
    expected: run('09:00:00', 'catch-up'),
  },
  {
    what: 'only records one a millisecond older',
    cron: '0 9 * * *',
    now: '10:00:00.001',
    readyAt: '10:00:00',
    expected: record('09:00:00', '09:00:00', 1, ABSENT),
  },
  {
    what: 'only records one that waited for a slot for longer than the window',
    cron: '0 9 * * *',
    now: '10:00:00.001',
    expected: record('09:00:00', '09:00:00', 1, BUSY),
  },
  {
    what: 'takes each second of a short interval',
    cron: '@every 1s',
    now: '13:00:00',
    expected: run('13:00:00', 'schedule'),
    cursor: '12:59:59',
  },
  {
    what: 'counts five hours of seconds',
    cron: '@every 1s',
    now: '13:00:00',
    readyAt: '13:00:01',
    expected: run('13:00:00', 'catch-up', missed('08:00:01', '12:59:59', 17_999, ABSENT)),
  },
  {
    what: 'anchors @every at the creation, to the second',
    cron: '@every 1h',
    now: '08:00:00',
    job: { createdAt: new Date('2026-05-05T11:17:23.900Z') },
    expected: wait('08:17:23'),
  },
  {
    what: 'keeps the moments of @every wherever the cursor stands',
    cron: '@every 1h',
    cursor: '08:59:59',
    now: '09:17:23',
    job: { createdAt: new Date('2026-05-05T11:17:23.900Z') },
    expected: run('09:17:23', 'schedule'),
  },
  {
    what: 'reads the expression in the zone of the job',
    cron: '0 9 * * *',
    cursor: '00:00:00',
    now: '06:00:00',
    timezone: 'Europe/Berlin',
    expected: wait('07:00:00'),
  },
  {
    what: 'reads it in the zone of its prefix first',
    cron: 'CRON_TZ=America/New_York 0 9 * * *',
    cursor: '00:00:00',
    now: '06:00:00',
    timezone: 'Europe/Berlin',
    expected: wait('13:00:00'),
  },
]

describe('due', () => {
  it.each(CASES)('$what', ({ cron = '*/5 * * * *', cursor = '08:00:00', now, readyAt, job, timezone, expected }) => {
    const input: DueInput = {
      job: { enabled: true, catchUp: 'latest', createdAt: new Date(0), ...job },
      schedule: parseCron(cron),
      timezone: timezone ?? 'UTC',
      cursor: day(cursor),
      now: day(now),
      readyAt: readyAt === undefined ? new Date(0) : day(readyAt),
      catchUpWindowMs: HOUR_MS,
    }
    expect(due(input)).toEqual(expected)
  })
})
