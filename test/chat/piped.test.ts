import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { freePort } from '../support/test-server.ts'
import { type ChatSite, chatSite } from './chat-site.ts'

let site: ChatSite
beforeEach(async () => {
  site = await chatSite()
})
afterEach(() => site[Symbol.asyncDispose]())

describe('infer chat with a pipe', () => {
  it('answers its text in plain text, and stores the conversation', async () => {
    const { code, stdout, stderr } = await site.place.run(['chat'], { stdin: 'markdown\n' })
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toContain('Some **bold** words.\n\n```js\n')
    expect(stdout).not.toContain('\u001b')
    const { conversations } = await site.stores.conversations.list({ limit: 0, offset: 0 })
    expect(conversations).toHaveLength(1)
  })

  it('says on stderr what tools do, and blocks what would need a person', async () => {
    const { code, stdout, stderr } = await site.place.run(['chat'], { stdin: 'bash' })
    expect([code, stdout]).toEqual([0, 'Bash is over.\n'])
    expect(stderr).toContain('> Bash(command=touch made.txt)')
    expect(stderr).toContain('--mode auto')
  })

  it('fails as agent does: 2 without a message, 4 without a gateway', async () => {
    const empty = await site.place.run(['chat'], { stdin: '\n' })
    expect([empty.code, empty.stdout]).toEqual([2, ''])
    expect(empty.stderr).toContain('There is no message on stdin')
    const env = { INFER_GATEWAY_MOCK: 'false', INFER_GATEWAY_URL: `http://127.0.0.1:${await freePort()}` }
    const away = await site.place.run(['chat'], { stdin: 'hello', env })
    expect([away.code, away.stdout]).toEqual([4, ''])
    expect(away.stderr).toContain('No gateway answers at ')
  })

  it('keeps the secrets of the configuration out of what is stored', async () => {
    const env = { INFER_GATEWAY_API_KEY: 'sk-very-secret-key' }
    await site.place.run(['chat', '--session-id', 'mine'], { stdin: 'why is sk-very-secret-key refused?', env })
    const { entries } = await site.stores.conversations.load('mine')
    expect(entries[0]?.message.content).toMatch(/^why is .* refused\?$/)
    expect(JSON.stringify(entries)).not.toContain('sk-very-secret-key')
  })

  it('goes on with a session', async () => {
    await site.place.run(['chat', '--session-id', 'mine'], { stdin: 'hello' })
    await site.place.run(['chat', '--session-id', 'mine'], { stdin: 'hello again' })
    const { entries } = await site.stores.conversations.load('mine')
    expect(entries).toHaveLength(4)
  })
})
