import { statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { isMissing } from './io-error.ts'

/** Magic numbers of statfs(2) on Linux. */
const NETWORK: Record<number, string> = {
  26985: 'NFS',
  20859: 'SMB',
  4283649346: 'SMB',
  4266872130: 'CIFS',
  1702057286: 'FUSE',
  16914839: '9p',
}

/**
 * The kind of network file system a path is on, or undefined. Several machines may share such a place, and locks and
 * links are not reliable there. For a path that does not exist yet, the nearest directory above it counts.
 */
export async function networkFileSystem(path: string): Promise<string | undefined> {
  for (let place = path; ; place = dirname(place)) {
    try {
      return NETWORK[statfsSync(place).type >>> 0]
    } catch (error) {
      if (!isMissing(error) || dirname(place) === place) return undefined
    }
  }
}
