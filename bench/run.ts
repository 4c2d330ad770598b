import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { agentProcess } from './agent-process.ts'
import { appendLength } from './append-length.ts'
import { catchUp } from './catch-up.ts'
import { chatScreen, chatStart } from './chat-screen.ts'
import { claimDelay } from './claim-delay.ts'
import { claimRace } from './claim-race.ts'
import { copy } from './copy.ts'
import { durableWrites } from './durable-writes.ts'
import type { Figure, Row } from './figure.ts'
import { idleDaemon } from './idle-daemon.ts'
import { importFiles } from './import.ts'
import { importNothing } from './import-nothing.ts'
import { listConversations } from './list-conversations.ts'
import { longSession } from './long-session.ts'
import { loopOverhead } from './loop-overhead.ts'
import { prepareRun } from './places.ts'
import { reportTable, summary } from './report.ts'
import { startUp } from './start-up.ts'
import { watchLatency } from './watch-latency.ts'

const FIGURES: readonly Figure[] = [
  appendLength,
  durableWrites,
  listConversations,
  watchLatency,
  claimRace,
  claimDelay,
  catchUp,
  copy,
  idleDaemon,
  importFiles,
  importNothing,
  startUp,
  chatStart,
  chatScreen,
  loopOverhead,
  agentProcess,
  longSession,
]

/**
 * Measures the figures, or those that are named, prints one table, and writes `results.json` beside this file. A
 * figure that misses is no error: only one that could not be measured sets the exit code 1.
 */
async function main(names: readonly string[]): Promise<void> {
  const unknown = names.filter((name) => !FIGURES.some((figure) => figure.name === name))
  if (unknown.length > 0) {
    throw new Error(`there is no figure ${unknown.join(', ')}: there are ${FIGURES.map(({ name }) => name).join(', ')}`)
  }
  await using _run = prepareRun()
  const results: (Figure & { rows: Row[] })[] = []
  for (const figure of FIGURES) {
    if (names.length > 0 && !names.includes(figure.name)) continue
    const start = performance.now()
    process.stderr.write(`${figure.name}: ${figure.description} ...`)
    results.push({ ...figure, rows: await figure.run() })
    process.stderr.write(` ${((performance.now() - start) / 1_000).toFixed(0)} s\n`)
  }
  const measured = { at: new Date().toISOString(), node: process.version, figures: results }
  writeFileSync(join(import.meta.dirname, 'results.json'), `${JSON.stringify(measured, null, 2)}\n`)
  process.stdout.write(`\n${reportTable(results)}\n\n${summary(results)}\n`)
}

await main(process.argv.slice(2))
