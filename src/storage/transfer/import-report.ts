export type ArtifactKind = 'schedule' | 'plan' | 'history' | 'conversation' | 'session_group'

/** What became of one artifact, or of some lines of the history that stand together. */
export interface ImportedArtifact {
  readonly kind: ArtifactKind
  /** Where it came from: a path, a table, or keys. */
  readonly source: string
  /** Its id; for history the number of a line, or `1-40`. */
  readonly id: string
  readonly action: 'import' | 'already' | 'failed'
  /** Why it failed, or what else there is to know. */
  readonly reason?: string
}

export interface ImportReport {
  readonly artifacts: readonly ImportedArtifact[]
  readonly renamed: readonly { readonly from: string; readonly to: string }[]
  /** Sentences about what a person should know or do. */
  readonly warnings: readonly string[]
  /** Sentences about what was done. */
  readonly notes: readonly string[]
}

/** Collects what becomes of things. Lines of a history that share their fate are one artifact. */
export class ImportLog implements ImportReport {
  readonly artifacts: ImportedArtifact[] = []
  readonly renamed: { from: string; to: string }[] = []
  readonly warnings: string[] = []
  readonly notes: string[] = []
  #lines: { from: number; to: number } | undefined

  add(artifact: ImportedArtifact): void {
    const last = this.artifacts.at(-1)
    const line = artifact.kind === 'history' ? Number(artifact.id) : Number.NaN
    const lines = this.#lines
    if (lines && last && line === lines.to + 1 && isSameFate(last, artifact)) {
      lines.to = line
      this.artifacts[this.artifacts.length - 1] = { ...last, id: `${lines.from}-${lines.to}` }
      return
    }
    this.#lines = Number.isNaN(line) ? undefined : { from: line, to: line }
    this.artifacts.push(artifact)
  }
}

function isSameFate(a: ImportedArtifact, b: ImportedArtifact): boolean {
  return a.kind === b.kind && a.source === b.source && a.action === b.action && a.reason === b.reason
}

/** How many artifacts an entry of a report stands for. */
export function countOf({ kind, id }: ImportedArtifact): number {
  const [, from, to] = (kind === 'history' && /^(\d+)-(\d+)$/.exec(id)) || []
  return from === undefined ? 1 : Number(to) - Number(from) + 1
}
