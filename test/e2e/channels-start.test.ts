import { afterEach, beforeEach, expect, it } from 'vitest'
import { saveJob } from '../support/daemon.ts'
import { TOKEN } from '../support/telegram-server.ts'
import { waitFor } from '../support/wait-for.ts'
import { ANN, type ChannelSite, makeChannelSite } from './channel-site.ts'

let site: ChannelSite
beforeEach(async () => {
  site = await makeChannelSite('jsonl')
})
afterEach(async () => {
  await site[Symbol.asyncDispose]()
})

it('a daemon may serve channels alone, and says that it runs no jobs', async () => {
  const daemon = await site.bot({ INFER_TOOLS_SCHEDULE_ENABLED: 'false' })
  site.telegram.say(ANN, 'say hello')
  await site.telegram.sent(ANN, /^Hello!/)
  expect(await site.stores.coordination.daemons()).toMatchObject([{ scheduler: false }])
  expect(await daemon.stop()).toBe(0)
})

it('a wrong token is said once, and jobs go on', async () => {
  const wrong = `${TOKEN}x`
  const daemon = await site.bot({ INFER_CHANNELS_TELEGRAM_BOT_TOKEN: wrong })
  await daemon.logs(/telegram\.bot_token is wrong or revoked/)
  await saveJob(site, { id: 'soon', prompt: 'say hello' }, { inSeconds: 1 })
  await waitFor('the run', async () => (await site.runs('soon'))[0]?.state === 'succeeded')
  expect(await daemon.stop()).toBe(0)
  expect(daemon.lines.filter(({ message }) => message.includes('bot_token'))).toHaveLength(1)
  expect(daemon.stderr).not.toContain(wrong)
})

it('a list of users that serves nobody is a warning, a group is one', async () => {
  const nobody = await site.bot({ INFER_CHANNELS_TELEGRAM_ALLOWED_USERS: '' })
  expect(nobody.stderr).toContain('telegram.allowed_users is empty, so the bot answers nobody')
  expect(await nobody.stop()).toBe(0)
  const group = await site.bot({ INFER_CHANNELS_TELEGRAM_ALLOWED_USERS: '-100123,42' })
  expect(group.stderr).toContain('-100123 is the id of a group')
  expect(await group.stop()).toBe(0)
})

it('a token that is none is refused before anything starts', async () => {
  const env = {
    INFER_CHANNELS_ENABLED: 'true',
    INFER_CHANNELS_TELEGRAM_ENABLED: 'true',
    INFER_CHANNELS_TELEGRAM_BOT_TOKEN: 'a secret',
  }
  const { code, stderr } = await site.place.run(['channels-manager'], { env })
  expect(code).toBe(2)
  expect(stderr).toMatch(/telegram\.bot_token is not of the form/)
  expect(stderr).not.toContain('a secret')
})
