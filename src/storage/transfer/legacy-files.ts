import { hash } from 'node:crypto'
import { readdirSync, statSync } from 'node:fs'
import { ioError, isMissing } from '#storage/jsonl/io-error.ts'

/** What a start looks at before it knows that there is something to import: nothing of the readers is loaded for it. */

/** What is hashed into a key, so that a source that cannot be renamed is imported once for each content. */
export function contentHash(content: string | Uint8Array): string {
  return hash('sha256', content, 'hex').slice(0, 16)
}

/** Names in the directory with that ending, in a fixed order. Empty when there is no such directory any more. */
export function namesIn(directory: string, ending: string): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => name.endsWith(ending) && !name.startsWith('.'))
      .sort()
  } catch (error) {
    if (isMissing(error)) return []
    throw ioError(error, directory, 'list')
  }
}

/** The file with the lines, where newer releases of the Go CLI made the history a directory. */
export function historyFile(path: string): string {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ? `${path}/history` : path
}

/** Changes when a source does that was left where it stands: names, sizes and times. */
export function fingerprint(path: string): string {
  const stats = statSync(path)
  if (!stats.isDirectory()) return contentHash(`${stats.size} ${stats.mtimeMs}`)
  const files = readdirSync(path).sort()
  return contentHash(
    files
      .map((name) => {
        const file = statSync(`${path}/${name}`, { throwIfNoEntry: false })
        return `${name} ${file?.size} ${file?.mtimeMs}`
      })
      .join('\n'),
  )
}
