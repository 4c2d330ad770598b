import type { SearchPattern } from './pattern.ts'

/** What was found in one file that holds a match. */
export interface FileMatches {
  readonly path: string
  /** Numbers of the first matching lines, from 1, at most `keep` of them. */
  readonly lines: readonly number[]
  /** Matching lines in all; 1 when only the file was asked for. */
  readonly total: number
}

export interface SearchOptions {
  readonly pattern: SearchPattern
  /** Absolute; text files of at most `maxBytes`, of which binary ones are left out. */
  readonly files: readonly string[]
  readonly maxBytes: number
  /** How many line numbers of all files together are worth keeping; 0 asks only which files match. */
  readonly keep: number
  /** Time for everything, in ms. */
  readonly timeLimitMs: number
  readonly signal: AbortSignal
}

/** Searches files in their order. Throws a ToolError when the time is over. */
export type SearchEngine = (options: SearchOptions) => AsyncIterable<FileMatches>
