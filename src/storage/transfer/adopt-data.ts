import type { ImportRecord } from '#storage/contract/coordination.ts'
import { digest } from '#storage/rules/revision.ts'
import type { ArtifactKind } from './import-report.ts'
import { contentHash } from './legacy-files.ts'

/** A record without its key in the ledger. */
export type GoRecord = ImportRecord extends infer R ? (R extends ImportRecord ? Omit<R, 'key'> : never) : never

/** Something that the Go CLI has, before it is read as a whole. */
export interface GoItem {
  readonly id: string
  /** Changes when that program changes it. */
  readonly version: string
  /** Throws DocumentError, SyntaxError or CronError when it is not of the expected form. */
  load(): Promise<GoRecord>
}

/** What the Go CLI has in one database, read and never written. */
export interface GoData extends AsyncDisposable {
  /**
   * Some text that changes when that program adds something, and mostly when it changes something; undefined when it
   * has nothing here. `thorough` asks for more than a start has time for.
   */
  state(thorough: boolean): Promise<string | undefined>
  /** What there is of each kind, jobs last. `place` is for people. */
  domains(): Promise<{ kind: ArtifactKind; place: string; items: AsyncIterable<GoItem> }[]>
}

/** The name of an item in the ledger, without its version. */
export function nameOf(kind: ArtifactKind, id: string): string {
  return `${kind}:${id.length > 300 ? digest(id) : id}`
}

export function versionOf(...parts: readonly unknown[]): string {
  return contentHash(JSON.stringify(parts))
}
