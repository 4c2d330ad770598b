import { describe, expect, it } from 'vitest'
import { runHeadless } from '#agent/headless.ts'
import { type RunContext, runScheduled, type ScheduledRunOptions } from '#agent/scheduled-run.ts'
import { InferError } from '#errors.ts'
import { claimedRun } from '../scheduler/claimed-run.ts'
import { headlessOptions } from './headless-options.ts'
import { calls, hangs, type RecordedModel, recordedModel, says } from './recorded-model.ts'
import { testTool } from './test-tool.ts'

const REASON = new InferError('E_INTERRUPTED', 'Interrupted (SIGTERM).')

async function running(client: RecordedModel, more: Partial<ScheduledRunOptions> = {}) {
  const { stores, run, claimant } = await claimedRun({ channel: 'telegram', recipientId: '42' })
  const contexts: RunContext[] = []
  const tool = testTool(() => ({ data: null }))
  const work = async (context: RunContext) => {
    contexts.push(context)
    const { sessionId: newId, signal, beforeCall, job } = context
    const task = async () => job.prompt
    return await runHeadless(headlessOptions({ stores, client, newId, signal, beforeCall, task, tools: () => [tool] }))
  }
  const options: ScheduledRunOptions = {
    runs: stores.jobRuns,
    runId: run.id,
    fence: run.fence,
    pid: 1,
    host: 'host-1',
    timeoutMs: 0,
    timeout: '0s',
    stop: new AbortController().signal,
    work,
    ...more,
  }
  const stored = () => stores.jobRuns.get(run.id)
  const reap = () =>
    stores.jobRuns.reap(run.id, { fence: run.fence, reason: 'gone' }, { ...claimant, token: 'another' })
  return { stores, options, contexts, stored, reap }
}

describe('runScheduled', () => {
  it('runs the prompt of the snapshot in a new session and stores how it ended', async () => {
    const client = recordedModel(says('hello'))
    const { options, stored, contexts, stores } = await running(client)
    expect(await runScheduled(options)).toEqual({ output: 'hello' })
    const run = await stored()
    expect(run).toMatchObject({ state: 'succeeded', output: 'hello', delivery: { state: 'pending' } })
    expect(run.sessionId).toBe(contexts[0]?.sessionId)
    const { entries } = await stores.conversations.load(run.sessionId ?? '')
    expect(entries.map(({ message }) => message.content)).toEqual(['say hello', 'hello'])
  })

  it('asks no model when the run is not this process’s to start', async () => {
    const client = recordedModel(says('hello'))
    const { options } = await running(client)
    await expect(runScheduled({ ...options, fence: 7 })).rejects.toMatchObject({ code: 'E_CONFLICT' })
    expect(client.requests).toEqual([])
  })

  it('stores a failure with its reason, and what was said before', async () => {
    const client = recordedModel([{ type: 'content', text: 'so far' }, ...calls(['Test', {}])], () => {
      throw new InferError('E_UNREACHABLE', 'No gateway answers.')
    })
    const { options, stored } = await running(client)
    expect((await runScheduled(options)).error).toMatchObject({ code: 'E_UNREACHABLE' })
    expect(await stored()).toMatchObject({ state: 'failed', reason: 'No gateway answers.', output: 'so far' })
  })

  it('fails a run whose work could not even begin', async () => {
    const work = async () => {
      throw new InferError('E_CONFIG', 'gateway.url is wrong.')
    }
    const { options, stored } = await running(recordedModel(), { work })
    await runScheduled(options)
    expect(await stored()).toMatchObject({ state: 'failed', reason: 'gateway.url is wrong.' })
  })

  it('is interrupted by a stop', async () => {
    const stop = new AbortController()
    const client = recordedModel((request) => {
      setImmediate(() => stop.abort(REASON))
      return hangs('half')(request)
    })
    const { options, stored } = await running(client, { stop: stop.signal })
    expect((await runScheduled(options)).error).toBe(REASON)
    expect(await stored()).toMatchObject({ state: 'interrupted', reason: 'Interrupted (SIGTERM).', output: 'half' })
  })

  it('fails with that reason at its time limit', async () => {
    const { options, stored } = await running(recordedModel(hangs('half')), { timeoutMs: 20, timeout: '20ms' })
    await runScheduled(options)
    expect(await stored()).toMatchObject({
      state: 'failed',
      reason: 'The run took longer than 20ms (tools.schedule.run_timeout).',
    })
  })

  it('has time without end when the limit is longer than a timer can wait', async () => {
    const client = recordedModel(says('hello'))
    const { options, contexts, stored } = await running(client, { timeoutMs: 2 ** 31, timeout: '600h' })
    const work: ScheduledRunOptions['work'] = async (context) => {
      await new Promise((resolve) => setTimeout(resolve, 20))
      return await options.work(context)
    }
    await runScheduled({ ...options, work })
    expect(contexts[0]?.signal.aborted).toBe(false)
    expect(await stored()).toMatchObject({ state: 'succeeded' })
  })

  it('stops at once when it was taken away, and leaves the end to whoever took it', async () => {
    const client = recordedModel(hangs('half'))
    const { options, stored, reap, contexts } = await running(client, { renewMs: 5 })
    const work: ScheduledRunOptions['work'] = async (context) => {
      await reap()
      return await options.work(context)
    }
    const { error } = await runScheduled({ ...options, work })
    expect(error).toMatchObject({ message: expect.stringMatching(/is no longer held on fence 1/) })
    expect(contexts[0]?.signal.aborted).toBe(true)
    expect(await stored()).toMatchObject({ state: 'lost', reason: 'gone' })
  })

  it('begins no call after a refused renewal', async () => {
    const client = recordedModel(calls(['Test', {}]), says('never said'))
    let age = 0
    const { options, reap } = await running(client, { monotonic: () => age })
    const work: ScheduledRunOptions['work'] = async (context) => {
      const beforeCall = async () => {
        if (client.requests.length === 1) {
          await reap()
          age += 20_000
        }
        await context.beforeCall()
      }
      return await options.work({ ...context, beforeCall })
    }
    const { error } = await runScheduled({ ...options, work })
    expect(error).toMatchObject({ message: expect.stringMatching(/is no longer held/) })
    expect(client.requests).toHaveLength(1)
  })
})
