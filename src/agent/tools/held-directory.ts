import { constants } from 'node:fs'
import { type FileHandle, lstat, mkdir, open, readlink, realpath } from 'node:fs/promises'
import { join } from 'node:path'

/** Not in Node's constants. Opens a directory to reach what is in it, which needs no permission to list it. */
const O_PATH = process.platform === 'linux' ? 0o10000000 : 0
const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW | O_PATH

/** Where Linux shows the descriptors of this process as paths. */
export const DESCRIPTORS = '/proc/self/fd'

/**
 * A directory held open. What is reached through `at` lies in this very directory, whatever has been renamed or linked
 * to its path since. Where descriptors are no paths (macOS), `at` is a path like any other: `location` then notices a
 * swap that lasts, and callers ask it before and after what they do.
 */
export class HeldDirectory implements AsyncDisposable {
  readonly #handle: FileHandle
  readonly #path: string
  readonly #descriptors: string
  readonly #base: string

  private constructor(handle: FileHandle, path: string, descriptors: string, base: string) {
    this.#handle = handle
    this.#path = path
    this.#descriptors = descriptors
    this.#base = base
  }

  /** Rejects with the system's error; ENOTDIR or ELOOP when it is a symlink. */
  static async open(path: string, descriptors = DESCRIPTORS, known = path): Promise<HeldDirectory> {
    const handle = await open(path, DIRECTORY)
    const link = join(descriptors, String(handle.fd))
    const base = (await readlink(link).catch(() => undefined)) === undefined ? known : link
    return new HeldDirectory(handle, known, descriptors, base)
  }

  /** The directory of that name in it, made when it is missing and may be. A symlink is not followed. */
  async child(name: string, { create = false } = {}): Promise<HeldDirectory> {
    if (create) {
      await mkdir(this.at(name)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw error
      })
    }
    return await HeldDirectory.open(this.at(name), this.#descriptors, join(this.#path, name))
  }

  /** A path by which the system reaches a file in this directory; '' is the directory. For this process only. */
  at(name: string): string {
    // Not joined: that drops the dot, and what is left is the descriptor's own link.
    return `${this.#base}/${name === '' ? '.' : name}`
  }

  /** Its real path at this moment; undefined when it is gone or, without descriptors, no longer at its path. */
  async location(): Promise<string | undefined> {
    if (this.#base !== this.#path) return await readlink(this.#base)
    try {
      const [here, there, real] = await Promise.all([
        this.#handle.stat({ bigint: true }),
        lstat(this.#path, { bigint: true }),
        realpath(this.#path),
      ])
      return here.dev === there.dev && here.ino === there.ino ? real : undefined
    } catch {
      return undefined
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close()
  }
}
