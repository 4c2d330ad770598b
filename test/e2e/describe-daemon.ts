import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { StorageType } from '#storage/options.ts'
import { makeSite, type Site, saveJob } from '../support/daemon.ts'
import { isRunning } from '../support/processes.ts'
import { waitFor } from '../support/wait-for.ts'

/** The built-in scenario of this prompt takes more than two seconds. */
const SLOW = 'stream slowly'

/** The main job on one backend: real programs, real children, and two daemons. */
export function describeDaemon(type: Exclude<StorageType, 'memory'>): void {
  describe(`infer channels-manager on ${type}`, () => {
    let site: Site

    beforeEach(async () => {
      site = await makeSite(type)
    })
    afterEach(async () => {
      await site[Symbol.asyncDispose]()
    })

    // On a slow machine an agent may take longer than the time to the next fire, which is then skipped.
    const begun = async (jobId: string) => (await site.runs(jobId)).filter(({ state }) => state !== 'skipped')
    const ended = async (jobId: string, count: number) =>
      await waitFor(`${count} runs of ${jobId} that ended`, async () => {
        const runs = (await begun(jobId)).filter(({ finishedAt }) => finishedAt !== undefined)
        return runs.length >= count && runs
      })
    const running = async (jobId: string, nth = 0) =>
      await waitFor(`run ${nth} of ${jobId} is running`, async () => {
        const run = (await begun(jobId))[nth]
        return run?.state === 'running' && run
      })

    it('sees a job that an agent has saved, and two daemons run each fire once', async () => {
      const [first, second] = await Promise.all([site.daemon(), site.daemon()])
      const said = await site.place.run(['agent', '--mode', 'auto', 'every 5 seconds, say hello'])
      expect(said.code).toBe(0)
      await Promise.all([first.logs(/^job taken in/), second.logs(/^job taken in/)])
      const [job] = (await site.stores.scheduledJobs.list()).jobs
      if (!job) throw new Error('no job was saved')
      expect(job).toMatchObject({ cronExpression: '@every 5s', prompt: 'say hello' })
      await ended(job.id, 2)
      expect([await first.stop(), await second.stop()]).toEqual([0, 0])

      const runs = await begun(job.id)
      const anchor = Math.floor(job.createdAt.getTime() / 1_000)
      const fires = runs.map(({ scheduledFor }) => scheduledFor.getTime() / 1_000 - anchor)
      expect(fires[0]).toBe(5)
      expect(fires.filter((fire, index) => fire % 5 !== 0 || fires.indexOf(fire) !== index)).toEqual([])
      for (const run of runs) expect(run).toMatchObject({ state: 'succeeded', fence: 1, trigger: 'schedule' })
      expect(runs[0]?.output).toBe('Hello! How can I help?')
      expect([...first.started, ...second.started].sort()).toEqual(runs.map(({ id }) => id).sort())
      const { entries } = await site.stores.conversations.load(runs[0]?.sessionId ?? '')
      expect(entries.map(({ message }) => message.role)).toEqual(['user', 'assistant'])
      expect(await site.stores.coordination.daemons()).toEqual([])
    })

    it('loses no run with its daemon, and starts none twice', async () => {
      const doomed = await site.daemon()
      await saveJob(site, { id: 'slow', prompt: SLOW })
      const { pid } = await running('slow')
      doomed.signal('SIGKILL')
      await doomed.end()
      expect(isRunning(pid ?? 0)).toBe(true)
      const next = await site.daemon()
      expect(await ended('slow', 1)).toMatchObject([{ state: 'succeeded', fence: 1 }])
      expect(await next.stop()).toBe(0)
      expect(next.started).toEqual([])
    })

    it('loses a run whose agent is killed, takes the next fire, and waits for it when it stops', async () => {
      const daemon = await site.daemon()
      await saveJob(site, { id: 'slow', prompt: SLOW }, { everySeconds: 3 })
      process.kill((await running('slow')).pid ?? 0, 'SIGKILL')
      const [lost] = await ended('slow', 1)
      expect(lost).toMatchObject({ state: 'lost', reason: 'the agent ended: signal SIGKILL' })
      await running('slow', 1)
      expect(await daemon.stop()).toBe(0)
      expect((await begun('slow')).map(({ state }) => state)).toEqual(['lost', 'succeeded'])
      expect(daemon.lines.at(-1)).toMatchObject({ message: 'stopped' })
    })

    it('makes up for one fire after an absence, and records the others', async () => {
      await saveJob(site, { id: 'often', prompt: 'say hello' }, { inSeconds: 1, everySeconds: 1 })
      const { jobRuns } = site.stores
      const since = await jobRuns.now()
      await waitFor('some fires', async () => (await jobRuns.now()).getTime() - since.getTime() > 3_500)
      const daemon = await site.daemon()
      const runs = await waitFor('the catch-up', async () => {
        const found = await site.runs('often')
        return found.some(({ state }) => state === 'succeeded') && found
      })
      expect(await daemon.stop()).toBe(0)
      const [missed, caughtUp] = runs
      expect(missed).toMatchObject({ state: 'missed', reason: 'no daemon was there' })
      expect(caughtUp).toMatchObject({ trigger: 'catch-up' })
      const gap = (caughtUp?.scheduledFor.getTime() ?? 0) - (missed?.firstMissed?.getTime() ?? 0)
      expect(missed?.count).toBe(gap / 1_000)
    })
  })
}
