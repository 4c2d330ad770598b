import { openJsonl } from '#storage/jsonl/open.ts'
import type { JsonlOptions } from '#storage/options.ts'
import type { RecordKind, StoredRecords } from './import-view.ts'
import { namesIn } from './legacy-files.ts'

/** The format of the files; without one of theirs they have this one. */
const FORMAT = 1

/** What the files hold. Opening them makes nothing, and only what reads is called. */
export async function filesView(options: JsonlOptions): Promise<StoredRecords> {
  const stores = await openJsonl(options)
  const { coordination } = stores
  return {
    schema: { from: FORMAT, to: FORMAT },
    async ledger() {
      const sources = await coordination.importSources()
      return await Promise.all(
        sources.map(async (source) => ({ source, records: (await coordination.imported(source)).size })),
      )
    },
    imported: (source) => coordination.imported(source),
    history: () => stores.shellHistory.load(0),
    ids: async (kind) => new Set(idsOf(kind, options)),
    [Symbol.asyncDispose]: () => stores[Symbol.asyncDispose](),
  }
}

function idsOf(kind: RecordKind, { schedulesDir, plansDir, conversationsDir }: JsonlOptions): string[] {
  switch (kind) {
    case 'job':
      return names(schedulesDir, '.yaml')
    case 'plan':
      return names(plansDir, '.md')
    case 'conversation':
      return names(conversationsDir, '.jsonl')
    case 'session_group':
      return []
  }
}

function names(directory: string, ending: string): string[] {
  return namesIn(directory, ending).map((name) => name.slice(0, -ending.length))
}
