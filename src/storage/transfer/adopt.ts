import type { StorageOptions } from '#storage/options.ts'
import { type GoData, type GoItem, nameOf } from './adopt-data.ts'
import type { Found, ImportContext, ImportTarget } from './import-records.ts'
import type { ArtifactKind } from './import-report.ts'
import { contentHash } from './legacy-files.ts'

/** Identity of the Go CLI's data in the ledger: it stands in the same database, so one name is enough. */
const SOURCE = 'go-cli'
const STATE = 'go-cli state'

/**
 * Takes in what the Go CLI has in the database that the stores use. It is only read. Called at each start, it brings
 * in what that program added meanwhile and says what it changed: its records are keyed by id and version.
 */
export async function adoptGoData(
  storage: StorageOptions,
  context: ImportContext,
  choices: { dryRun: boolean; thorough: boolean; onNotice: (sentence: string) => void },
): Promise<void> {
  const { target, log } = context
  const looked = await look(storage, choices, target).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error)
    log.warnings.push(`whether the Go infer has something in the same database could not be seen: ${why}`)
    return undefined
  })
  if (!looked) return
  await using data = looked.data
  const seen = contentHash(looked.state)
  if (!choices.thorough && (await target.imported(STATE)).has(seen)) return
  // Only behind the last record: killed before, the next start looks again.
  if (await adoptItems(data, context, choices.onNotice)) await target.import(STATE, [{ key: seen, kind: 'seen' }])
}

/** What the Go CLI has in the database, with its state; undefined when that is nothing. */
async function look(
  storage: StorageOptions,
  { dryRun, thorough }: { dryRun: boolean; thorough: boolean },
  target: ImportTarget,
): Promise<{ data: GoData; state: string } | undefined> {
  await using opened = new AsyncDisposableStack()
  const data = await openGoData(storage, dryRun, target)
  if (!data) return undefined
  opened.use(data)
  const state = await data.state(thorough)
  if (state === undefined) return undefined
  opened.move()
  return { data, state }
}

async function openGoData(storage: StorageOptions, dryRun: boolean, target: ImportTarget): Promise<GoData | undefined> {
  switch (storage.type) {
    case 'sqlite':
      return await (await import('./adopt-sqlite.ts')).openGoSqlite(storage, dryRun)
    case 'postgres':
      return await (await import('./adopt-postgres.ts')).openGoPostgres(storage, target)
    case 'redis':
      return await (await import('./adopt-redis.ts')).openGoRedis(storage, target)
    default:
      return undefined
  }
}

const STOP_GO =
  'jobs of the Go infer come in: stop its daemon (channels-manager), it knows no claims and would run every job too'
const CHANGED = 'the Go infer changed it since it was adopted; ours is left as it is'

/** False when something could not be read to its end. */
async function adoptItems(
  data: GoData,
  context: ImportContext,
  onNotice: (sentence: string) => void,
): Promise<boolean> {
  const { target, log } = context
  const ledger = await target.imported(SOURCE)
  const adopted = new Set([...ledger.keys()].map((key) => key.slice(0, key.lastIndexOf('@'))))
  const changed: string[] = []
  let complete = true
  const { takeInFound } = await import('./import-records.ts')
  for (const { kind, place, items } of await data.domains()) {
    const found = foundIn(items, { kind, ledger, adopted, changed, warn: kind === 'schedule' ? warnOnce() : () => {} })
    complete = (await takeInFound(found, { kind, source: SOURCE, place, known: ledger }, context)) && complete
  }
  if (changed.length > 0) {
    const names = changed.slice(0, 5).join(', ')
    const more = changed.length > 5 ? ` and ${changed.length - 5} more` : ''
    log.warnings.push(`the Go infer changed what was adopted before, ours is left as it is: ${names}${more}`)
  }
  return complete

  function warnOnce(): () => void {
    let told = false
    return () => {
      if (!told) onNotice(STOP_GO)
      told = true
    }
  }
}

interface Known {
  readonly kind: ArtifactKind
  readonly ledger: ReadonlyMap<string, unknown>
  /** Keys without their versions. */
  readonly adopted: ReadonlySet<string>
  /** Is given the names of what has another version now. */
  readonly changed: string[]
  /** Called before something new of this kind comes in. */
  readonly warn: () => void
}

async function* foundIn(items: AsyncIterable<GoItem>, known: Known): AsyncGenerator<Found> {
  const { kind } = known
  for await (const { id, version, load } of items) {
    const name = nameOf(kind, id)
    const key = `${name}@${version}`
    if (known.ledger.has(key)) yield { kind, id, record: { key, kind: 'seen' } }
    else if (known.adopted.has(name)) {
      known.changed.push(`${kind.replace('_', ' ')} ${id}`)
      yield { kind, id, record: { key, kind: 'seen' }, reason: CHANGED }
    } else {
      try {
        const record = { key, ...(await load()) }
        known.warn()
        yield { kind, id, record }
      } catch (error) {
        if (!isReadingError(error)) throw error
        yield { kind, id, failed: error.message }
      }
    }
  }
}

/** What is wrong with one record, and not with the connection. */
function isReadingError(error: unknown): error is Error {
  return error instanceof Error && ['DocumentError', 'CronError', 'SyntaxError'].includes(error.name)
}
