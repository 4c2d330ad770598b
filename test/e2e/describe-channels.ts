import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { StorageType } from '#storage/options.ts'
import { saveJob } from '../support/daemon.ts'
import { waitFor } from '../support/wait-for.ts'
import { ACCOUNT, ANN, BOB, type ChannelSite, EVE, makeChannelSite } from './channel-site.ts'

/** People who talk to the bot, on one backend: real programs, real agents, and a Bot API server. */
export function describeChannels(type: Exclude<StorageType, 'memory'>): void {
  describe(`a bot of Telegram on ${type}`, () => {
    let site: ChannelSite

    beforeEach(async () => {
      site = await makeChannelSite(type)
    })
    afterEach(async () => {
      await site[Symbol.asyncDispose]()
    })

    const jobs = async () => (await site.stores.scheduledJobs.list()).jobs
    const started = async (count = 1) =>
      await waitFor(`${count} agents at work`, async () => {
        const taken = (await site.stores.coordination.inbox(ACCOUNT)).filter(({ state }) => state === 'taken')
        return taken.length >= count
      })

    it('answers a message once, in the session of its sender, and nobody else', async () => {
      const { telegram } = site
      const daemon = await site.bot()
      telegram.say(EVE, 'say hello')
      telegram.say(ANN, 'say hello', { chat: { id: -7, type: 'group' } })
      telegram.say(ANN, 'say hello')
      expect(await telegram.sent(ANN, /./)).toMatchObject({ text: 'Hello! How can I help?', html: true })
      await site.handled()
      expect(await daemon.stop()).toBe(0)
      expect(telegram.messages).toHaveLength(1)
      expect(telegram.calls.some(({ method }) => method === 'sendChatAction')).toBe(true)
      const group = await site.stores.sessionGroups.get(`channel-telegram-${ANN}`)
      const { entries } = await site.stores.conversations.load(group?.currentSessionId ?? '')
      expect(entries.map(({ message }) => message.role)).toEqual(['user', 'assistant'])
      expect(daemon.stderr).toContain(`user ${EVE} is not in telegram.allowed_users`)
      expect(daemon.stderr).toContain('a group chat is not served')
    })

    it('lets a button approve a call, once, for whom it was shown to', async () => {
      const { telegram } = site
      await site.bot({ INFER_TOOLS_SCHEDULE_MAX_JOBS: '5' })
      telegram.say(ANN, 'schedule it')
      const question = await telegram.sent(ANN, /^Approve Schedule\?/)
      expect(question.text).toContain('"prompt": "say hello"')
      expect(question.buttons.map(({ text }) => text)).toEqual(['Approve', 'Reject'])
      telegram.press(BOB, question, 'Approve')
      await waitFor('the answer to the wrong one', () => telegram.notices.length === 1)
      expect(telegram.notices[0]?.text).toMatch(/no longer valid/)
      expect(await jobs()).toEqual([])
      const { callback_data: approve = '' } = question.buttons[0] ?? {}
      telegram.press(ANN, question, approve)
      telegram.press(ANN, question, approve)
      await telegram.sent(ANN, /^Scheduled\.$/)
      await site.handled()
      expect(
        telegram.notices
          .slice(1)
          .map(({ text }) => text)
          .sort(),
      ).toEqual(['Approved.', expect.stringMatching(/no longer valid/)])
      expect(question).toMatchObject({ text: expect.stringMatching(/\n\nApproved\.$/), buttons: [] })
    })

    it('lets a button reject a call, and has long arguments in a file', async () => {
      const { telegram } = site
      await site.bot()
      telegram.say(ANN, 'schedule much')
      const question = await telegram.sent(ANN, /^Approve Schedule\?/)
      const file = telegram.messages[0]?.file
      expect(question.text).toContain(
        createHash('sha256')
          .update(file?.content ?? '')
          .digest('hex'),
      )
      expect(JSON.parse(file?.content ?? '')).toMatchObject({ prompt: 'a long prompt '.repeat(400) })
      telegram.press(ANN, question, 'Reject')
      await telegram.sent(ANN, /^Scheduled\.$/)
      expect(question.text).toMatch(/\n\nRejected\.$/)
      expect(await jobs()).toEqual([])
      expect(await site.stores.coordination.approvals(ACCOUNT)).toEqual([])
    })

    it('knows its commands, /stop beside what is running', async () => {
      const { telegram } = site
      await site.bot()
      telegram.say(ANN, '/start')
      await telegram.sent(ANN, /\/stop ends what I am doing/)
      telegram.say(ANN, '/stop')
      await telegram.sent(ANN, /^Nothing is running\.$/)
      telegram.say(ANN, 'work long')
      telegram.say(ANN, 'say hello')
      await started()
      telegram.say(ANN, '/status')
      await telegram.sent(ANN, /^Working on “work long” for \d+ s\.\nOne more message waits\./)
      telegram.say(ANN, '/stop')
      await telegram.sent(ANN, /^Stopped\. /)
      await telegram.sent(ANN, /^Hello!/)
      telegram.sendPhoto(ANN)
      await telegram.sent(ANN, /text only/)
      await site.handled()
      expect(telegram.sentTo(ANN)).toHaveLength(6)
    })

    it('begins a new conversation at /new', async () => {
      const { telegram, stores } = site
      await site.bot()
      const session = async () => (await stores.sessionGroups.get(`channel-telegram-${ANN}`))?.currentSessionId
      telegram.say(ANN, '/new')
      await telegram.sent(ANN, /^A new conversation begins/)
      telegram.say(ANN, 'say hello')
      await telegram.sent(ANN, /^Hello!/)
      const before = await session()
      telegram.say(ANN, '/new say hello again')
      await telegram.sent(ANN, /^A new conversation begins with a summary/)
      await site.handled()
      expect(await session()).not.toBe(before)
      expect(telegram.sentTo(ANN).filter((text) => text.startsWith('Hello!'))).toHaveLength(2)
      expect((await stores.sessionGroups.get(`channel-telegram-${ANN}`))?.history).toContain(before)
    })

    it('tells an error in a sentence, and splits what is long', async () => {
      const { telegram } = site
      await site.bot()
      telegram.say(ANN, 'fail')
      await telegram.sent(ANN, /^The agent failed: .*\.$/)
      telegram.say(BOB, 'write much')
      await site.handled()
      const parts = telegram.sentTo(BOB)
      expect(parts).toHaveLength(3)
      expect(parts.join(' ').replaceAll(/\s+/g, ' ').trim()).toBe('many words '.repeat(900).trim())
    })

    it('lets running agents finish when it is stopped, and keeps what waits for the next one', async () => {
      const { telegram } = site
      const first = await site.bot({ INFER_CHANNELS_MAX_WORKERS: '1' })
      telegram.say(ANN, 'work a little')
      telegram.say(BOB, 'say hello')
      await started()
      expect(await first.stop()).toBe(0)
      expect(telegram.messages.map(({ text }) => text)).toEqual(['It is done.'])
      await site.bot()
      await telegram.sent(BOB, /^Hello!/)
      await site.handled()
      expect(telegram.messages).toHaveLength(2)
    })

    it('loses no message with its daemon, and repeats none that an agent had begun', async () => {
      const { telegram } = site
      const doomed = await site.bot({ INFER_CHANNELS_MAX_WORKERS: '1' })
      telegram.say(ANN, 'work long')
      telegram.say(BOB, 'say hello')
      await started()
      await waitFor('both are stored', async () => (await site.stores.coordination.inbox(ACCOUNT)).length === 2)
      doomed.signal('SIGKILL')
      await doomed.end()
      telegram.say(BOB, '/help')
      await site.forgetHolder()
      const next = await site.bot()
      await telegram.sent(ANN, /^Your message “work long” was interrupted by a restart/)
      await telegram.sent(BOB, /^Hello!/)
      await site.handled()
      expect(await next.stop()).toBe(0)
      expect(telegram.sentTo(ANN)).toHaveLength(1)
      expect(telegram.sentTo(BOB)).toHaveLength(2)
    })

    it('takes no decision from a button of before a restart', async () => {
      const { telegram } = site
      const first = await site.bot()
      telegram.say(ANN, 'schedule it')
      const question = await telegram.sent(ANN, /^Approve Schedule\?/)
      first.signal('SIGKILL')
      await first.end()
      await site.forgetHolder()
      await site.bot()
      await telegram.sent(ANN, /interrupted by a restart/)
      telegram.press(ANN, question, 'Approve')
      await waitFor('the notice', () => telegram.notices.length === 1)
      expect(telegram.notices[0]?.text).toMatch(/no longer valid/)
      await site.handled()
      expect(question.buttons).toEqual([])
      expect(await jobs()).toEqual([])
      expect(await site.stores.coordination.approvals(ACCOUNT)).toEqual([])
    })

    it('is served by one of two daemons, and by the other one after it', async () => {
      const { telegram } = site
      const first = await site.bot()
      await site.receiving()
      const second = await site.bot()
      await second.logs(/^another daemon serves this channel/)
      telegram.say(ANN, 'say hello')
      await telegram.sent(ANN, /^Hello!/)
      expect(second.stderr).not.toContain('receiving from Telegram')
      expect(await first.stop()).toBe(0)
      await second.logs(/^receiving from Telegram/)
      telegram.say(ANN, '/help')
      await telegram.sent(ANN, /^Send me a task/)
      await site.handled()
      expect(telegram.messages).toHaveLength(2)
      expect([...first.lines, ...second.lines].filter(({ message }) => message.includes('409'))).toEqual([])
    })

    it('brings the result of a job to the chat that made it, once, and shows it to no other', async () => {
      const { telegram } = site
      const auto = { INFER_CHANNELS_REQUIRE_APPROVAL: 'false' }
      await Promise.all([site.bot(auto), site.bot(auto)])
      const daily = await saveJob(
        site,
        { id: 'greeting', name: 'greeting', prompt: 'x', channel: 'telegram', recipientId: String(BOB) },
        { inSeconds: 3_000 },
      )
      telegram.say(ANN, 'my jobs')
      await telegram.sent(ANN, /^Looked\./)
      const group = await site.stores.sessionGroups.get(`channel-telegram-${ANN}`)
      const { entries } = await site.stores.conversations.load(group?.currentSessionId ?? '')
      const results = entries.filter(({ message }) => message.role === 'tool').map(({ message }) => message.content)
      expect(results).toHaveLength(2)
      expect(results.join('\n')).not.toContain(daily.cronExpression)
      expect((await jobs()).map(({ id }) => id)).toEqual(['greeting'])
      await saveJob(site, {
        id: 'soon',
        name: 'soon',
        prompt: 'say hello',
        runOnce: true,
        channel: 'telegram',
        recipientId: String(ANN),
      })
      const { text } = await telegram.sent(ANN, /^soon/)
      expect(text).toBe('soon\n\nHello! How can I help?')
      const [run] = await waitFor('the delivery', async () => {
        const runs = await site.runs('soon')
        return runs[0]?.delivery.state === 'delivered' && runs
      })
      expect(run?.delivery).toMatchObject({ attempts: 1, parts: 1 })
      expect(telegram.sentTo(ANN).filter((one) => one.startsWith('soon'))).toHaveLength(1)
      expect(telegram.sentTo(BOB)).toEqual([])
    })

    it('delivers the result of a job that was made in the chat', async () => {
      const { telegram } = site
      await site.bot({ INFER_CHANNELS_REQUIRE_APPROVAL: 'false' })
      telegram.say(ANN, 'schedule it')
      await telegram.sent(ANN, /^Scheduled\.$/)
      await telegram.sent(ANN, /^greeting\n\nHello! How can I help\?$/)
      await waitFor(
        'it is over',
        async () => (await site.stores.jobRuns.list({ limit: 0, only: 'undelivered' })).length === 0,
      )
      expect(telegram.sentTo(ANN)).toHaveLength(2)
    })

    it('tells of a run that failed, and gives up on a chat that is closed to it', async () => {
      const { telegram } = site
      await site.bot()
      const to = (user: number) => ({ channel: 'telegram', recipientId: String(user) })
      await saveJob(site, { id: 'bad', prompt: 'fail', ...to(ANN) }, { inSeconds: 1 })
      expect((await telegram.sent(ANN, /^bad failed: /)).text).toMatch(/\.$/)
      telegram.trouble({ method: 'sendMessage', status: 403, description: 'Forbidden: bot was blocked by the user' })
      await saveJob(site, { id: 'blocked', prompt: 'say hello', ...to(BOB) }, { inSeconds: 1 })
      await saveJob(site, { id: 'stranger', prompt: 'say hello', ...to(EVE) }, { inSeconds: 1 })
      const failed = async (job: string) =>
        await waitFor(`${job} is given up`, async () => {
          const [run] = await site.runs(job)
          return run?.delivery.state === 'failed' && run.delivery
        })
      expect(await failed('blocked')).toMatchObject({ attempts: 1, error: expect.stringContaining('bot was blocked') })
      expect(await failed('stranger')).toMatchObject({ error: `${EVE} is not in telegram.allowed_users` })
    })
  })
}
