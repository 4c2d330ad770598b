import { join } from 'node:path'
import type { Stores } from '#storage/contract/stores.ts'
import { openStores } from '#storage/index.ts'
import type { CliPlace } from './cli.ts'

/** The stores that the program has in a place with the default backend. */
export async function openCliStores({ home, cwd }: CliPlace): Promise<Stores> {
  return await openStores({
    type: 'jsonl',
    warn: () => {},
    conversationsDir: join(cwd, '.infer/conversations'),
    sessionGroupsFile: join(cwd, '.infer/session_groups.json'),
    plansDir: join(cwd, '.infer/plans'),
    historyFile: join(cwd, '.infer/history'),
    schedulesDir: join(home, '.infer/schedules'),
    runsDir: join(home, '.infer/runs'),
  })
}
