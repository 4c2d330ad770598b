import pg from 'pg'
import { expect, it } from 'vitest'
import { waitFor } from '../support/wait-for.ts'
import { ACCOUNT, ANN, makeChannelSite } from './channel-site.ts'
import { describeChannels } from './describe-channels.ts'

describeChannels('postgres')

it('a message that was received and not stored when the daemon died is handled once by the next', async () => {
  await using site = await makeChannelSite('postgres')
  if (site.options.type !== 'postgres') throw new Error('no PostgreSQL')
  const { telegram } = site
  const doomed = await site.bot()
  await site.receiving()
  const client = new pg.Client({ connectionString: site.options.url })
  await client.connect()
  try {
    await client.query('BEGIN')
    await client.query('LOCK TABLE infer.coordination IN EXCLUSIVE MODE')
    telegram.say(ANN, 'say hello')
    await waitFor('the message is about to be stored', async () => {
      const waiting = await client.query('SELECT 1 FROM pg_locks WHERE NOT granted')
      return !telegram.polled && waiting.rowCount !== 0
    })
    doomed.signal('SIGKILL')
    await doomed.end()
    // The server may still have the write of the dead daemon in hand: it ends before the lock does.
    await client.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid IN (SELECT pid FROM pg_locks WHERE NOT granted)',
    )
  } finally {
    await client.query('ROLLBACK')
    await client.end()
  }
  expect(await site.stores.coordination.inbox(ACCOUNT)).toEqual([])
  await site.forgetHolder()
  await site.bot()
  await telegram.sent(ANN, /^Hello!/)
  await site.handled()
  expect(telegram.messages).toHaveLength(1)
})
