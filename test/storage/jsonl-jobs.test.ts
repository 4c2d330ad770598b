import { cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import type { JobRun } from '#storage/contract/job-runs.ts'
import type { Stores } from '#storage/contract/stores.ts'
import { formatJobFile, formatOutcome } from '#storage/jsonl/format-job-file.ts'
import { parseAnyJobFile, parseJobFile } from '#storage/jsonl/job-file.ts'
import { dueJob } from './conformance/run-samples.ts'
import { job, request } from './conformance/samples.ts'
import { expectCode } from './conformance/storage-test.ts'
import { jsonlPlace, makeSchedules, withFiles } from './jsonl-place.ts'

let place: ReturnType<typeof jsonlPlace>
let warnings: string[]
beforeEach(() => {
  warnings = []
  place = jsonlPlace({ warn: (message) => warnings.push(message) })
})

const fileOf = (id: string) => join(place.schedulesDir, `${id}.yaml`)
const put = (id: string, text: string) => writeFileSync(join(makeSchedules(place), `${id}.yaml`), text)
const textOf = (id: string) => readFileSync(fileOf(id), 'utf8')
const AGENT = { pid: 1, host: 'h' }
const HAND = `# my job
id: elsewhere   # wrong
cron_expression: 0 9 * * *   # each morning
prompt: |
  first line
    second

recipient_id: 0042
color: [red,  green]   # ours
enabled: yes
`

async function use<T>(act: (stores: Stores) => Promise<T>): Promise<T> {
  return await withFiles(place, act)
}

/** Files below the directory of runs, with what they hold. */
function recordsOf(part: string): string[] {
  const directory = join(place.runsDir, part)
  if (!existsSync(directory)) return []
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true })
  return entries.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name))
}

describe('600 files that nobody tracked', () => {
  test('two stores track them at once: the same states for both, durable, and the rest of them as they were', async () => {
    for (let n = 0; n < 600; n++) put(`j${n}`, HAND)
    put('broken', 'prompt: [')
    await use(async (stores) => {
      const early = await stores.jobRuns.track('j7')
      const [first, second] = await Promise.all([
        stores.jobRuns.trackAll(),
        use(async (other) => await other.jobRuns.trackAll()),
      ])
      expect(first.size).toBe(600)
      expect(second).toEqual(first)
      expect(first.get('j7')).toEqual(early)
      expect(await use(async (other) => await other.jobRuns.states())).toEqual(first)
      expect(recordsOf('states').filter((path) => !path.endsWith('@1'))).toEqual([])
      expect(recordsOf('states')).toHaveLength(600)
      expect(await stores.jobRuns.trackAll()).toEqual(first)
    })
  })
})

describe('an unedited file', () => {
  test('is written as an edit would write it', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 12 }).map((value) => value.toWellFormed())
    const crons = fc.constantFrom('0 8 * * 1-5', '* * * * *', '*/5 0 1,2 JAN MON', '@every 5m', '1 2 3 4 5')
    const definition = fc
      .record({ name: text, prompt: text, cronExpression: crons, timezone: text, enabled: fc.boolean() })
      .map((changes) => job('j', changes))
    fc.assert(
      fc.property(definition, definition, (before, after) => {
        const file = formatJobFile(before, undefined)
        const read = parseJobFile('j', file).job
        const written = formatJobFile(after, file, read)
        expect(parseJobFile('j', written)).toEqual(parseJobFile('j', formatJobFile(after, file)))
        expect(parseAnyJobFile('j', written)).toEqual(parseJobFile('j', written))
      }),
      { numRuns: 300 },
    )
  })

  test('of an edited one only the lines that change do', () => {
    const file = `${formatJobFile(job('j'), undefined)}# mine\n`
    const read = parseJobFile('j', file).job
    expect(formatJobFile({ ...read, prompt: 'other' }, file, read)).toMatch(/# mine\n$/)
  })
})

describe('a file written by hand', () => {
  test('is read; what it says of its id is reported and the name counts', async () => {
    put('mine', HAND)
    await use(async ({ scheduledJobs }) => {
      const loaded = await scheduledJobs.load('mine')
      expect(loaded).toMatchObject({
        id: 'mine',
        cronExpression: '0 9 * * *',
        prompt: 'first line\n  second\n',
        recipientId: '0042',
        enabled: true,
        runOnce: false,
        createdAt: new Date(0),
      })
      expect(warnings).toEqual([expect.stringMatching(/mine\.yaml says id "elsewhere" inside/)])
      expect(scheduledJobs.defaultTimezone).toBe(Intl.DateTimeFormat().resolvedOptions().timeZone)
    })
  })

  test('keeps comments, unknown keys and every line that a save does not change', async () => {
    put('mine', HAND)
    await use(async ({ scheduledJobs }) => {
      const loaded = await scheduledJobs.load('mine')
      const changed = { ...loaded, prompt: 'say hello', timezone: 'Europe/Berlin', enabled: false, channel: 'telegram' }
      await scheduledJobs.save(changed, { expected: loaded.revision })
      expect(textOf('mine')).toBe(`# my job
id: mine   # wrong
cron_expression: 0 9 * * *   # each morning
timezone: Europe/Berlin
prompt: say hello
channel: telegram

recipient_id: 0042
color: [red,  green]   # ours
enabled: false
`)
      await scheduledJobs.save({ ...changed, enabled: true })
      expect(textOf('mine')).not.toContain('enabled')
    })
  })

  test('that cannot be read is reported with line and column, and neither rewritten nor deleted', async () => {
    const broken = 'cron_expression: 0 9 * * *\nprompt: "no end\n'
    put('bad', broken)
    put('typo', 'cron_expression: "* * * * *"\nprompt: x\nrun_once: maybe\n')
    put('bytes', 'x')
    writeFileSync(fileOf('bytes'), Buffer.from([0x70, 0xff, 0xfe]))
    put('no id at all', HAND)
    await use(async ({ scheduledJobs }) => {
      const { jobs, unreadable } = await scheduledJobs.list()
      expect(jobs).toEqual([])
      const messages = Object.fromEntries(unreadable.map(({ id, error }) => [id, `${error.code} ${error.message}`]))
      expect(messages).toEqual({
        bad: expect.stringMatching(/^E_CORRUPT .*bad\.yaml cannot be read: line 3, column 1: /),
        typo: expect.stringMatching(/^E_CORRUPT .*line 3, column 1: run_once should be true or false, it is "maybe"$/),
        bytes: expect.stringMatching(/^E_CORRUPT .*it is not UTF-8 text$/),
        'no id at all': expect.stringMatching(/^E_CORRUPT .*its name is not a valid job id$/),
      })
      await expectCode(scheduledJobs.load('bad'), 'E_CORRUPT')
      await expectCode(scheduledJobs.save(job('bad')), 'E_CORRUPT')
      await expectCode(scheduledJobs.delete('bad'), 'E_CORRUPT')
      expect(textOf('bad')).toBe(broken)
    })
  })

  test('in a form that a program cannot change is left alone', async () => {
    const flow = '{cron_expression: "0 9 * * *", prompt: hello}\n'
    put('flow', flow)
    await use(async ({ scheduledJobs }) => {
      const loaded = await scheduledJobs.load('flow')
      await expectCode(scheduledJobs.save({ ...loaded, prompt: 'other\nlines' }), 'E_CORRUPT')
      expect(textOf('flow')).toBe(flow)
      expect(readdirSync(place.schedulesDir)).toEqual(['flow.yaml'])
    })
  })
})

test('every text survives a save and the next ones, beside comments and unknown keys', () => {
  const tricky = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }).filter((text) => text.isWellFormed() && !/^$|\0/.test(text)),
    fc.constantFrom(
      ...[
        'yes',
        'null',
        '~',
        '1e3',
        '0042',
        '2026-01-01',
        '- a',
        '# x',
        ' a',
        'a ',
        'a\n',
        '\na',
        '\n\n',
        ' \n',
        '  \n \n',
        '   ',
        ' \n a',
        '|',
      ],
      ...['>', '"', "'", '{}', '&a', '!x', '@a', 'a: b', 'a #b', '\ta', 'a\r\nb', '\u2028', '\u0085', '---', '...'],
      ...['a\n---\nb', '? a', ':', '<<', '🚀', '  lead\n  more', 'a\n  b\n\n\n', 'a\n ', 'key: |\n  x', '\ufeff'],
    ),
  )
  const property = fc.property(tricky, tricky, tricky, tricky, (prompt, name, description, other) => {
    const first = job('a', { prompt, name, description })
    const text = formatJobFile(first, undefined)
    expect(parseJobFile('a', text).job).toEqual(first)
    expect(parseAnyJobFile('a', text)).toEqual(parseJobFile('a', text))
    const edited = `# head\n${text}zzz: [1,2]  # tail\n`
    const second = { ...first, prompt: other, name: prompt, timezone: 'UTC' }
    const changed = formatJobFile(second, edited)
    expect(parseJobFile('a', changed).job).toEqual(second)
    expect(changed.startsWith('# head\n') && changed.includes('zzz: [1,2]  # tail\n')).toBe(true)
    const outcome = formatOutcome(changed, new Date(0), other)
    expect(parseJobFile('a', outcome).lastError).toBe(other)
    expect(formatOutcome(outcome, undefined, undefined)).toBe(changed)
  })
  fc.assert(property, { numRuns: 150 })
})

test('the short cut for plain files reads what the library reads', () => {
  const value = fc.oneof(
    fc.string({ unit: 'grapheme-ascii', maxLength: 12 }),
    fc.constantFrom('42', '0042', '1e3', 'yes', 'null', 'Null', '~', 'a b', 'a: b', 'a:', 'a:b', "it's", '"a"', "'a'"),
    fc.constantFrom('"a\\n"', "'a''b'", '0 9 * * *', '*/5 * * * *', '2026-01-01', 'é', '- a', '', '/a', 'a#b', 'a #b'),
    fc.constantFrom('true', 'false', 'True', 'a, b', '[a]', '{a: b}', 'a]', '|', '&a', '%a', '"a" b', "'a' 'b'", '1_0'),
  )
  const key = fc.constantFrom(
    'name',
    'prompt',
    'cron_expression',
    'recipient_id',
    'enabled',
    'created_at',
    'other',
    'id',
  )
  const text = fc
    .array(fc.tuple(key, value), { maxLength: 4 })
    .map((lines) => [['cron_expression', 'x'], ['prompt', 'x'], ...lines].map(([k, v]) => `${k}: ${v}\n`).join(''))
  const reading = (read: typeof parseJobFile, from: string) => {
    try {
      return read('a', from)
    } catch (error) {
      return String(error)
    }
  }
  const unique = text.map((from) =>
    [...new Map(from.split('\n').map((line) => [line.split(':')[0], line])).values()].join('\n'),
  )
  const property = fc.property(fc.oneof(text, unique), (from) => {
    expect(reading(parseJobFile, from)).toEqual(reading(parseAnyJobFile, from))
  })
  fc.assert(property, { numRuns: 1_500 })
})

describe('the outcome of a run', () => {
  test('is refreshed in the file, beside an edit that was made meanwhile', async () => {
    put('j', HAND)
    await use(async (stores) => {
      const { jobRuns, scheduledJobs } = stores
      await jobRuns.track('j')
      const stored = await scheduledJobs.load('j')
      const claimed = await jobRuns.claim(request(stored, new Date(), { trigger: 'manual' }))
      if (!claimed.claimed) throw new Error(claimed.refusal)
      await jobRuns.start(claimed.run.id, 1, AGENT)
      put('j', HAND.replace('each morning', 'EDITED'))
      await jobRuns.finish(claimed.run.id, 1, { state: 'failed', reason: 'it broke: badly' })
      const { lastRun, lastError, revision } = await scheduledJobs.load('j')
      expect(lastError).toBe('it broke: badly')
      expect(revision).toBe(stored.revision)
      expect(textOf('j')).toBe(
        `${HAND.replace('each morning', 'EDITED')}last_run: ${lastRun?.toISOString()}\nlast_error: "it broke: badly"\n`,
      )
    })
  })

  test('is stored also when the file cannot be read any more, and the run goes on', async () => {
    await use(async (stores) => {
      const run = await (await dueJob(stores, 'j')).claim(1)
      put('j', '{ broken')
      await stores.jobRuns.start(run.id, 1, AGENT)
      await stores.jobRuns.renew(run.id, 1)
      await stores.jobRuns.finish(run.id, 1, { state: 'failed', reason: 'why' })
      expect(textOf('j')).toBe('{ broken')
      expect(await stores.jobRuns.state('j')).toMatchObject({ lastError: 'why', failures: 1, runs: [] })
    })
  })

  test('is what the file says until the first run of ours', async () => {
    put('j', `${HAND}last_run: 2026-03-01T11:00:00.123456789Z\nlast_error: from the other program\n`)
    await use(async ({ scheduledJobs, jobRuns }) => {
      await jobRuns.track('j')
      const outcome = { lastRun: new Date('2026-03-01T11:00:00.123Z'), lastError: 'from the other program' }
      expect(await scheduledJobs.load('j')).toMatchObject(outcome)
      expect((await scheduledJobs.list()).jobs).toMatchObject([outcome])
      expect(await scheduledJobs.save({ ...(await scheduledJobs.load('j')), model: 'm' })).toMatchObject(outcome)
    })
  })
})

describe('a process killed between the steps of a write', () => {
  test('a run_once file left behind by a claim is neither listed nor run, and goes with the run', async () => {
    await use(async (stores) => {
      const due = await dueJob(stores, 'once', { runOnce: true })
      cpSync(fileOf('once'), join(place.root, 'kept'))
      const run = await due.claim(1)
      cpSync(join(place.root, 'kept'), fileOf('once'))
      expect(await stores.scheduledJobs.list()).toEqual({ jobs: [], unreadable: [] })
      await expectCode(stores.scheduledJobs.load('once'), 'E_NOT_FOUND')
      const again = await stores.jobRuns.claim(request(due.stored, due.fire(2)))
      expect(again).toEqual({ claimed: false, refusal: 'past' })
      await stores.jobRuns.start(run.id, 1, AGENT)
      expect(existsSync(fileOf('once'))).toBe(false)
      await stores.jobRuns.finish(run.id, 1, { state: 'succeeded' })
      expect(await stores.jobRuns.list({ limit: 0 })).toMatchObject([{ id: run.id, state: 'succeeded' }])
    })
  })

  test('a run that was settled but has no file yet is read from the record, and gets its file', async () => {
    const runs: JobRun[] = []
    await use(async (stores) => {
      const due = await dueJob(stores, 'j')
      for (const n of [1, 2]) {
        const { id } = await due.claim(n)
        await stores.jobRuns.start(id, 1, AGENT)
        runs.unshift(await stores.jobRuns.finish(id, 1, { state: 'succeeded', output: `output ${n}` }))
      }
    })
    rmSync(join(place.runsDir, 'ids'), { recursive: true })
    for (const path of recordsOf('history').filter((one) => one.includes(runs[0]?.id ?? ''))) rmSync(path)
    await use(async (stores) => {
      expect(await stores.jobRuns.list({ limit: 0 })).toEqual(runs)
      expect(await stores.jobRuns.get(runs[0]?.id ?? '')).toEqual(runs[0])
      const loaded = await stores.scheduledJobs.load('j')
      const next = await stores.jobRuns.claim(request(loaded, new Date(), { trigger: 'manual' }))
      if (!next.claimed) throw new Error(next.refusal)
      expect(await stores.jobRuns.list({ limit: 0 })).toEqual([next.run, ...runs])
      expect(recordsOf('history')).toHaveLength(2)
    })
  })

  test('pruned runs stay away, also when the record still carries them', async () => {
    await use(async (stores) => {
      const due = await dueJob(stores, 'j')
      const { id } = await due.claim(1)
      await stores.jobRuns.start(id, 1, AGENT)
      await stores.jobRuns.finish(id, 1, { state: 'succeeded' })
      expect(await stores.jobRuns.prune('j', 0)).toBe(1)
      const next = await due.claim(2)
      expect(await stores.jobRuns.list({ limit: 0 })).toEqual([next])
      await expectCode(stores.jobRuns.get(id), 'E_NOT_FOUND')
      expect(recordsOf('history')).toEqual([])
    })
  })
})

test('without the directory of schedules nothing is claimed, and states are kept', async () => {
  await use(async (stores) => {
    const due = await dueJob(stores, 'j', { overlap: 'allow' })
    const run = await due.claim(1)
    renameSync(place.schedulesDir, join(place.root, 'away'))
    await expectCode(stores.scheduledJobs.load('j'), 'E_UNAVAILABLE')
    const lastGood = { ...due.stored }
    await expectCode(stores.jobRuns.claim(request(due.stored, due.fire(2), { lastGood })), 'E_UNAVAILABLE')
    await stores.jobRuns.start(run.id, 1, AGENT)
    await stores.jobRuns.finish(run.id, 1, { state: 'succeeded' })
    renameSync(join(place.root, 'away'), place.schedulesDir)
    expect(await stores.jobRuns.state('j')).toMatchObject({ cursor: due.fire(1), failures: 0 })
    expect((await stores.jobRuns.claim(request(due.stored, due.fire(3)))).claimed).toBe(true)
  })
})

test('a newer format of the directory of runs is refused before any write', async () => {
  await use(async ({ scheduledJobs }) => scheduledJobs.save(job('j')))
  writeFileSync(join(place.runsDir, 'format'), '2\n')
  await expectCode(
    use(async () => {}),
    'E_SCHEMA_NEWER',
  )
})
