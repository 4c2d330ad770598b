import { type BigIntStats, constants } from 'node:fs'
import { type FileHandle, lstat, open } from 'node:fs/promises'
import { fileError } from '#agent/file-error.ts'
import { refuseSpecial } from '#agent/text-file.ts'
import { ToolError } from '#agent/tool.ts'
import type { HeldDirectory } from './held-directory.ts'

/** A name in a directory of the sandbox that is held open; what has that name need not exist. */
export class Place implements AsyncDisposable {
  /** As it was asked for; for messages. */
  readonly asked: string
  /** Its real path when it was looked up. */
  readonly real: string
  readonly directory: HeldDirectory
  readonly name: string
  readonly #verify: (directory: HeldDirectory) => Promise<void>

  constructor(
    { asked, real, name }: { asked: string; real: string; name: string },
    directory: HeldDirectory,
    verify: (directory: HeldDirectory) => Promise<void>,
  ) {
    this.asked = asked
    this.real = real
    this.name = name
    this.directory = directory
    this.#verify = verify
  }

  /** How the system reaches it. */
  get path(): string {
    return this.directory.at(this.name)
  }

  /** Throws a ToolError when the directory has left the sandbox, or a protected path took it in. */
  async verify(): Promise<void> {
    await this.#verify(this.directory)
  }

  /** What is there, a symlink for itself; undefined when there is nothing. */
  async stat(): Promise<BigIntStats | undefined> {
    return await lstat(this.path, { bigint: true }).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined
      throw fileError(this.asked, 'looked up', error)
    })
  }

  /** Opens what is there; throws a ToolError for everything but a regular file, and MissingFile. Never waits. */
  async open(flags = constants.O_RDONLY): Promise<FileHandle> {
    try {
      // Before it is opened: a device may act on being opened.
      const found = await lstat(this.path, { bigint: true })
      if (found.isSymbolicLink()) throw new ToolError(`${this.asked} changed while it was opened; try again`)
      refuseSpecial(found, this.asked)
      const file = await open(this.path, flags | constants.O_NOFOLLOW | constants.O_NONBLOCK)
      try {
        await this.verify()
        const opened = await file.stat({ bigint: true })
        if (opened.dev !== found.dev || opened.ino !== found.ino) {
          throw new ToolError(`${this.asked} changed while it was opened; try again`)
        }
        return file
      } catch (error) {
        await file.close()
        throw error
      }
    } catch (error) {
      throw fileError(this.asked, 'opened', error)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.directory[Symbol.asyncDispose]()
  }
}
