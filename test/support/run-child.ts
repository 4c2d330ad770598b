/**
 * The agent of a run, with a short lease: `run-child.ts OPTIONS FILE agent --run ID --fence N`. OPTIONS is the storage
 * as JSON. It calls a tool without end, which writes a line into FILE each time.
 */
import { appendFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { runScheduled } from '#agent/scheduled-run.ts'
import { openStores } from '#storage/index.ts'
import type { StorageOptions } from '#storage/options.ts'

const [options = '', file = '', , , runId = '', , fence] = process.argv.slice(2)
await using stores = await openStores({ ...(JSON.parse(options) as StorageOptions), warn: () => {} })
const { error } = await runScheduled({
  runs: stores.jobRuns,
  runId,
  fence: Number(fence),
  pid: process.pid,
  host: 'host',
  renewMs: 200,
  graceMs: 1_000,
  timeoutMs: 0,
  timeout: '0s',
  stop: new AbortController().signal,
  async work({ beforeCall }) {
    for (;;) {
      await beforeCall()
      appendFileSync(file, 'call\n')
      await sleep(100)
    }
  },
})
appendFileSync(file, `${error instanceof Error ? error.message : 'no error'}\n`)
