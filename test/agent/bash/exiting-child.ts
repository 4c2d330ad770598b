/** Runs a command and, once told to, exits the way a failure does: without waiting for it. */
import { bashEnvironment } from '#agent/bash/bash-environment.ts'
import { runShell } from '#agent/bash/run-shell.ts'

const [cwd = '.'] = process.argv.slice(2)
const env = bashEnvironment(process.env, new Set())
void runShell('echo $$ > e1; sleep 300 & echo $! > e2; wait', {
  cwd,
  env,
  timeoutMs: 60_000,
  signal: new AbortController().signal,
})
process.stdin.on('data', () => process.exit(1))
