import { execFileSync } from 'node:child_process'
import { closeSync, openSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Stores } from '#storage/contract/stores.ts'
import { details, entry } from '../storage/conformance/samples.ts'
import { rawPostgres, rawRedis, rawSqlite, type TestBackend } from '../support/backends.ts'
import { StorageProcess } from '../support/storage-process.ts'

/** Cuts the last stored entry of a conversation in half, or what comes nearest to it in this backend. */
export async function tearLastEntry(backend: TestBackend, id: string): Promise<void> {
  const options = backend.options()
  switch (options.type) {
    case 'jsonl': {
      const path = join(options.conversationsDir, `${id}.jsonl`)
      const text = readFileSync(path, 'utf8')
      writeFileSync(path, text.slice(0, text.lastIndexOf('"type":"entry"') + 40))
      return
    }
    case 'sqlite': {
      const db = rawSqlite(options)
      db.exec(`update infer_conversation_entries set document = substr(document, 1, 20)
        where conversation_id = '${id}' and seq = 2`)
      db.close()
      return
    }
    case 'postgres': {
      const client = await rawPostgres(options)
      await client.query(
        `update infer.conversation_entries set document = left(document, 20)
        where conversation_id = $1 and seq = 2`,
        [id],
      )
      await client.end()
      return
    }
    case 'redis': {
      const redis = rawRedis(options)
      await redis.lset(`infer:conversation-entries:${id}`, -1, '{"message":{')
      redis.disconnect()
      return
    }
    case 'memory':
      throw new Error('memory tears nothing')
  }
}

export interface FullStore {
  /** Appends something large. */
  append(id: string, expectedLength: number): Promise<unknown>
  /** Makes room again. */
  end(): Promise<void>
}

/** Leaves no room for a large write. A Redis must be the test's own: the limit is the whole server's; an SQLite file must be
 * on a small disk, because SQLite takes a limit of the process for an error of the device. */
export async function failWrites(backend: Pick<TestBackend, 'options'>, stores: Stores): Promise<FullStore> {
  const options = backend.options()
  if (options.type === 'postgres') return await refuseInPostgres(backend, stores)
  if (options.type === 'redis') {
    const redis = rawRedis(options)
    const { used_memory: used } = Object.fromEntries(
      (await redis.info('memory')).split('\r\n').map((one) => one.split(':')),
    )
    await redis.config('SET', 'maxmemory', String(Number(used) / 2))
    return {
      append: (id, expectedLength) => stores.conversations.append(id, large(expectedLength)),
      async end() {
        await redis.config('SET', 'maxmemory', '0')
        redis.disconnect()
      },
    }
  }
  if (options.type === 'sqlite') {
    const filler = `${options.path}.filler`
    fillDisk(filler)
    return {
      append: (id, expectedLength) => stores.conversations.append(id, large(expectedLength)),
      end: async () => rmSync(filler),
    }
  }
  const process = await StorageProcess.open(options)
  const file = join((options as { conversationsDir: string }).conversationsDir, 'c.jsonl')
  execFileSync('prlimit', ['--pid', String(process.child.pid), `--fsize=${statSync(file).size + 5_000}`])
  return {
    append: (id, expectedLength) => process.call('appendLarge', id, expectedLength),
    end: async () => await process[Symbol.asyncDispose](),
  }
}

/** Takes all that is left of a small disk. */
function fillDisk(path: string): void {
  const fd = openSync(path, 'w')
  try {
    for (;;) writeSync(fd, Buffer.alloc(64 * 1_024))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  } finally {
    closeSync(fd)
  }
}

/** The server's own error for a full disk, raised where a large entry comes in. */
async function refuseInPostgres(backend: Pick<TestBackend, 'options'>, stores: Stores): Promise<FullStore> {
  const options = backend.options()
  if (options.type !== 'postgres') throw new Error('not PostgreSQL')
  const client = await rawPostgres(options)
  await client.query(`create function public.full_disk() returns trigger language plpgsql as $$
      begin raise exception 'could not extend file: No space left on device' using errcode = '53100'; end $$;
    create trigger full_disk before insert on infer.conversation_entries
      for each row when (length(new.document) > 50000) execute function public.full_disk()`)
  return {
    append: (id, expectedLength) => stores.conversations.append(id, large(expectedLength)),
    async end() {
      await client.query('drop trigger full_disk on infer.conversation_entries; drop function public.full_disk()')
      await client.end()
    },
  }
}

function large(expectedLength: number) {
  return { expectedLength, entries: [entry('x'.repeat(100_000))], metadata: details() }
}
