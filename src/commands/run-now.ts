import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { ToolError } from '#agent/tool.ts'
import type { JsonObject, JsonValue } from '#storage/contract/json.ts'

/**
 * Runs a job at once as `infer schedules run` does, in a process of its own, and gives the run as that prints it. An
 * abort interrupts the run. Throws a ToolError when nothing was run, such as for a job whose run has not ended.
 */
export async function runNow(jobId: string, signal: AbortSignal): Promise<JsonValue> {
  const [, program = ''] = process.argv
  const child = spawn(process.execPath, [program, 'schedules', 'run', '--json', '--', jobId], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const interrupt = () => void child.kill('SIGINT')
  signal.addEventListener('abort', interrupt)
  try {
    const [printed] = await Promise.all([text(child.stdout), once(child, 'exit')])
    return runOf(printed)
  } finally {
    signal.removeEventListener('abort', interrupt)
  }
}

function runOf(printed: string): JsonObject {
  let result: JsonObject
  try {
    result = JSON.parse(printed) as JsonObject
  } catch {
    throw new ToolError('the run ended without a word; infer schedules runs shows what became of it')
  }
  const { error } = result
  if (typeof error === 'object' && error !== null && !Array.isArray(error)) throw new ToolError(String(error.message))
  return result
}
