import { once } from 'node:events'
import { ToolError } from '#agent/tool.ts'
import type { FileMatches, SearchOptions } from './engine.ts'
import { lineMatcher, type MatchAnswer } from './match-lines.ts'
import { searchText } from './search-text.ts'

/** Memory of the thread, in MiB. */
const THREAD_MEMORY = 512

/**
 * Searches without ripgrep. Expressions run in a thread that is ended when the time is over: some take longer than
 * anybody lives.
 */
export async function* searchInProcess(options: SearchOptions): AsyncIterable<FileMatches> {
  const { pattern, files, maxBytes, timeLimitMs, signal } = options
  const { source, flags, multiline } = pattern
  const late = AbortSignal.timeout(timeLimitMs)
  const stop = AbortSignal.any([signal, late])
  // Loaded where it is needed: it takes as long as a small command.
  const { Worker } = await import('node:worker_threads')
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads')
    const match = (${lineMatcher})(${JSON.stringify(source)}, ${JSON.stringify(flags)}, ${multiline})
    parentPort.on('message', (request) => parentPort.postMessage(match(request)))`,
    { eval: true, env: {}, argv: [], execArgv: [], resourceLimits: { maxOldGenerationSizeMb: THREAD_MEMORY } },
  )
  let keep = options.keep
  let current = ''
  try {
    for (const path of files) {
      stop.throwIfAborted()
      const text = await searchText(path, maxBytes)
      if (text === undefined) continue
      current = path
      const answer = once(worker, 'message', { signal: stop })
      worker.postMessage({ text, keep: options.keep === 0 ? 0 : Math.max(keep, 1) })
      const [{ lines, total }] = (await answer) as [MatchAnswer]
      if (total === 0) continue
      yield { path, lines: lines.slice(0, keep), total }
      keep = Math.max(0, keep - lines.length)
    }
  } catch (error) {
    signal.throwIfAborted()
    if (!late.aborted) throw error
    const where = current === '' ? '' : ` at ${current}`
    throw new ToolError(
      `the search was given up after ${timeLimitMs / 1000} s${where}: make the pattern simpler (nested repetition ` +
        'such as (a+)+ takes forever) or narrow path, glob or type',
    )
  } finally {
    await worker.terminate()
  }
}
