import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { BACKENDS, type Backend, DemoError } from './demo/backend.ts'
import { type Fire, judge, type Run, type Verdict } from './demo/count.ts'
import { LiveTable } from './demo/live-table.ts'
import { openPlace, type Place, ROOT } from './demo/place.ts'

const TASK = 'every 2 seconds, say hello'
const PLAN_TASK = 'plan the next release'
/** Runs to wait for. */
const RUNS = 5
/** How long all of them may take, in ms. */
const PATIENCE_MS = 25_000

const say = (text = '') => process.stdout.write(`${text}\n`)
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** One job, two daemons: everything below is done by the real program and read back from its output. */
async function demo(place: Place): Promise<Verdict> {
  say(`One storage backend (${place.backend}), two daemons, one agent with a scripted gateway: no key, no network.`)
  say('\n$ infer channels-manager &    # daemon A\n$ infer channels-manager &    # daemon B')
  const daemons = [place.startDaemon('A'), place.startDaemon('B')]
  const names = await namesOfDaemons(place, daemons.length)

  say(`\n$ infer agent ${JSON.stringify(TASK)}`)
  say(`  ${await place.ask([TASK])}`)
  const [job] = (await place.json('schedules', 'list')) as { id: string; created_at: string }[]
  if (!job) throw new DemoError('the agent scheduled nothing')

  say('\n$ infer schedules runs    # again and again')
  await watchRuns(place, names)
  const fires = (await place.json('schedules', 'preview', job.id, '--from', job.created_at, '--count', '100')) as Fire
  await place.infer('schedules', 'delete', job.id, '-y')
  await place.stopDaemons()

  say(`\n$ infer agent --mode plan ${JSON.stringify(PLAN_TASK)}`)
  say(`  ${await place.ask(['--mode', 'plan', PLAN_TASK])}`)
  const [plan] = (await place.json('plans', 'list')) as { id: string }[]
  if (!plan) throw new DemoError('the agent wrote no plan')
  say(`\n$ infer plans show ${plan.id}`)
  await place.show('plans', 'show', plan.id)

  const conversations = (await place.json('conversations', 'list', '--limit', '0')) as { id: string }[]
  const runs = (await place.json('schedules', 'runs', '--limit', '0')) as Run[]
  return judge({ fires: fires.fires, runs, conversations, own: place.sessions })
}

/** The id of each daemon in the runs -> its letter here, once all of them are seen. */
async function namesOfDaemons(place: Place, count: number): Promise<Map<string, string>> {
  const deadline = performance.now() + PATIENCE_MS
  for (;;) {
    const { daemons } = (await place.status()) as { daemons: { id: string; pid: number }[] }
    if (daemons.length === count) return new Map(daemons.map(({ id, pid }) => [id, place.daemonName(pid)]))
    place.failIfDaemonEnded()
    if (performance.now() > deadline) throw new DemoError(`only ${daemons.length} of ${count} daemons came up`)
  }
}

async function watchRuns(place: Place, names: ReadonlyMap<string, string>): Promise<void> {
  using table = new LiveTable(process.stdout, names)
  const deadline = performance.now() + PATIENCE_MS
  for (;;) {
    const runs = (await place.json('schedules', 'runs', '--limit', '0')) as Run[]
    table.update(runs)
    if (runs.filter(ended).length >= RUNS) return
    place.failIfDaemonEnded()
    if (performance.now() > deadline) throw new DemoError(`there were fewer than ${RUNS} runs in time`)
    await wait(200)
  }
}

/** Skipped fires are recorded, but nothing ran. */
const ended = ({ finished_at, session_id }: Run) => finished_at !== null && session_id !== null

function sayVerdict({ fires, runs, agents, skipped, duplicates, missing, failed }: Verdict): void {
  say(`\n${fires} fires, ${runs} runs by ${agents} agents, ${duplicates} duplicates, ${missing} missing`)
  if (skipped > 0) say(`${skipped} skipped: the run before still went on, this machine is busy`)
  if (failed > 0) say(`${failed} runs did not succeed`)
}

function sayNext(): void {
  say(`\nNow you (npx takes the infer of this checkout; without the variable it talks to your gateway):
  export INFER_GATEWAY_MOCK=true
  npx infer agent "say hello"
  npx infer agent --mode plan "plan the next release" && npx infer plans list
  npx infer schedules create --cron "@every 10s" --prompt "say hello"
  INFER_TOOLS_SCHEDULE_ENABLED=true npx infer channels-manager
  npx infer status`)
}

function backendOf(argv: string[]): Backend {
  const { values } = parseArgs({ args: argv, options: { backend: { type: 'string', default: 'jsonl' } } })
  const backend = BACKENDS.find((name) => name === values.backend)
  if (backend) return backend
  throw new DemoError(`--backend ${JSON.stringify(values.backend)} is none of ${BACKENDS.join(', ')}`)
}

async function main(argv: string[]): Promise<number> {
  const began = performance.now()
  const verdict = await inPlace(backendOf(argv))
  if (verdict === 'interrupted') return 130
  sayVerdict(verdict)
  say(`It took ${((performance.now() - began) / 1_000).toFixed(0)} s; its directory is removed again.`)
  const good = verdict.duplicates === 0 && verdict.missing === 0 && verdict.failed === 0
  if (good) sayNext()
  return good ? 0 : 1
}

async function inPlace(backend: Backend): Promise<Verdict | 'interrupted'> {
  if (!existsSync(join(ROOT, 'dist/cli.cjs'))) throw new DemoError('there is no bundle yet: npm run build')
  await using place = await openPlace(backend)
  try {
    return await Promise.race([demo(place), place.interrupted])
  } catch (error) {
    process.stderr.write(`${place.daemonLogs}\n`)
    throw error
  }
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  process.stderr.write(`demo: ${error instanceof DemoError ? error.message : String((error as Error).stack)}\n`)
  process.exitCode = 1
}
