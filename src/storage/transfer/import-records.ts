import type { CoordinationStorage, ImportRecord } from '#storage/contract/coordination.ts'
import type { BackendName } from '#storage/contract/errors.ts'
import { StorageError } from '#storage/contract/errors.ts'
import { checkImport } from '#storage/rules/check-records.ts'
import type { ArtifactKind, ImportLog } from './import-report.ts'

/** What takes records in: the stores, or in a dry run something that only says what they would do. */
export type ImportTarget = Pick<CoordinationStorage, 'imported' | 'import'>

/** Something that was found in a source: a record, or the reason why there is none. */
export type Found = { readonly kind: ArtifactKind; readonly id: string } & (
  | { readonly record: ImportRecord; readonly reason?: string }
  | { readonly failed: string }
)

/** A moment of an import; what is told is for progress, and for tests that stop it there. */
export interface ImportStep {
  readonly name: 'taking' | 'taken' | 'writing' | 'written' | 'settling' | 'settled'
  readonly kind: ArtifactKind
  /** Records written so far from this source. */
  readonly count: number
}

export interface ImportContext {
  readonly backend: BackendName
  readonly target: ImportTarget
  /** Every command that the target has, oldest first. */
  readonly history: () => Promise<readonly string[]>
  readonly log: ImportLog
  readonly onStep: (step: ImportStep) => void
}

/** Records of one call: enough that its costs hardly count, few enough that memory stays small. */
const BATCH = 1_000
const BATCH_CHARACTERS = 1_000_000

/**
 * Takes in what is found, in its order and in batches, and logs what became of each. A record that the store refuses
 * is logged as failed and does not stop the rest; any other error of the store does. Returns false, with a warning in
 * the log, when the source could not be read to its end.
 *
 * `source` is the identity in the ledger, `place` what people know it by; keys in `known` were dealt with already.
 */
export async function takeInFound(
  found: AsyncIterable<Found>,
  from: { kind: ArtifactKind; source: string; place: string; known: { has(key: string): boolean } },
  { backend, target, log, onStep }: ImportContext,
): Promise<boolean> {
  const { kind, source, place, known } = from
  let batch: Found[] = []
  let size = 0
  let count = 0
  let complete = true
  let writing: Promise<void> | undefined
  const write = async (some: readonly Found[]) => {
    const records = some.flatMap((one) => ('record' in one && !known.has(one.record.key) ? [one.record] : []))
    onStep({ name: 'writing', kind, count })
    const outcomes = await importEach({ target, backend }, source, records)
    count += records.length
    onStep({ name: 'written', kind, count })
    for (const one of some) {
      const outcome = 'record' in one ? (outcomes.get(one.record.key) ?? 'already') : one.failed
      const artifact = { kind: one.kind, source: place, id: one.id }
      const reason = 'reason' in one && one.reason !== undefined ? { reason: one.reason } : {}
      if (outcome === 'import' || outcome === 'already') log.add({ ...artifact, action: outcome, ...reason })
      else log.add({ ...artifact, action: 'failed', reason: outcome })
    }
  }
  // One batch is written while the next is read: never two at once, since lines keep their order.
  const flush = async () => {
    await writing
    writing = write(batch)
    writing.catch(() => {})
    batch = []
    size = 0
  }
  const items = found[Symbol.asyncIterator]()
  try {
    for (;;) {
      const next = await items.next().catch(unreadable)
      if (!next || next.done) break
      batch.push(next.value)
      if ('record' in next.value) size += sizeOf(next.value.record)
      if (batch.length >= BATCH || size >= BATCH_CHARACTERS) await flush()
    }
    if (batch.length > 0) await flush()
  } finally {
    await Promise.all([writing, items.return?.()])
  }
  return complete

  function unreadable(error: unknown): undefined {
    complete = false
    log.warnings.push(
      `${place} could not be read to its end: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
}

/**
 * `import`, or the sentence of a refusal. A batch that is refused goes again without the records that no store keeps,
 * and where it is not one of those, one by one.
 */
async function importEach(
  { target, backend }: Pick<ImportContext, 'target' | 'backend'>,
  source: string,
  records: readonly ImportRecord[],
): Promise<Map<string, string>> {
  if (records.length === 0) return new Map()
  try {
    return await target.import(source, records)
  } catch (error) {
    if (!isRefusal(error)) throw error
    if (records.length === 1) return new Map(records.map(({ key }) => [key, error.message]))
  }
  const refused = new Map(records.flatMap((record) => refusalOf(record, backend)))
  const rest = records.filter(({ key }) => !refused.has(key))
  const parts = refused.size > 0 ? [rest] : rest.map((record) => [record])
  const outcomes = new Map<string, string>(refused)
  for (const part of parts) {
    for (const [key, outcome] of await importEach({ target, backend }, source, part)) outcomes.set(key, outcome)
  }
  return outcomes
}

/** Key and sentence, when no store keeps it. */
function refusalOf(record: ImportRecord, backend: BackendName): [string, string][] {
  try {
    checkImport(backend, record)
    return []
  } catch (error) {
    if (!isRefusal(error)) throw error
    return [[record.key, error.message]]
  }
}

function isRefusal(error: unknown): error is StorageError {
  return error instanceof StorageError && (error.code === 'E_INVALID' || error.code === 'E_CORRUPT')
}

function sizeOf(record: ImportRecord): number {
  switch (record.kind) {
    case 'history':
      return record.command.length
    case 'plan':
      return record.plan.body.length
    case 'job':
      return record.job.prompt.length
    case 'conversation':
      return JSON.stringify(record.conversation.entries).length
    case 'session_group':
    case 'seen':
      return 0
  }
}
