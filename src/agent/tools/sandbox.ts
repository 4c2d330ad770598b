import { constants } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { fileError } from '#agent/file-error.ts'
import { ToolError } from '#agent/tool.ts'
import { DESCRIPTORS, HeldDirectory } from './held-directory.ts'
import { Place } from './place.ts'
import { protectedPaths } from './protected-paths.ts'
import { isInside, realPath } from './real-path.ts'

export interface SandboxOptions {
  /** Absolute; what relative paths are relative to. */
  readonly cwd: string
  /** `tools.sandbox.directories`, absolute or relative to cwd. */
  readonly directories: readonly string[]
  /** `tools.sandbox.protected_paths`. */
  readonly protectedPaths: readonly string[]
  /** Where the descriptors of this process are paths. Default: as Linux has it. */
  readonly descriptors?: string
}

/** What a directory of the list holds that stays closed even if a symlink of that name leads to another one. */
const OWN_STATE = ['.infer', '.git']

/**
 * Which files the tools may touch: real paths inside the directories and outside the protected ones (the patterns are
 * explained at `protectedPaths`).
 *
 * `..` is taken out of a path before its symlinks are looked up, and `~` is not expanded. `resolve` answers for the
 * moment; `open` and `place` keep the directory open and ask again where it is, so that nobody who swaps a directory for
 * a symlink in between leads a tool outside.
 *
 * Not covered: a hard link to a file outside or to a protected one is a file of the sandbox like any other and can be
 * read (Write and Edit put a new file in its place and leave the other name alone); so can whatever is mounted inside.
 */
export class Sandbox {
  readonly #cwd: string
  readonly #directories: readonly string[]
  readonly #matchesPattern: (path: string) => boolean
  readonly #descriptors: string

  constructor({ cwd, directories, protectedPaths: patterns, descriptors = DESCRIPTORS }: SandboxOptions) {
    this.#cwd = cwd
    this.#directories = directories.map((directory) => resolve(cwd, directory))
    this.#matchesPattern = protectedPaths(cwd, patterns)
    this.#descriptors = descriptors
  }

  /**
   * The real path of a file that may be touched; it need not exist. Symlinks are resolved first, also dangling ones.
   * Throws a ToolError that says which rule closes it.
   */
  async resolve(path: string): Promise<string> {
    return await this.#resolve(path, (asked) => realPath(asked))
  }

  /** `resolve` for the name itself: a symlink at its end is not followed. */
  async resolveName(path: string): Promise<string> {
    return await this.#resolve(path, async (asked) => {
      const parent = dirname(asked)
      return parent === asked ? asked : join(await realPath(parent), basename(asked))
    })
  }

  /** Opens a regular file that may be touched. Never waits, neither for a named pipe. Throws MissingFile or a ToolError. */
  async open(path: string, flags = constants.O_RDONLY): Promise<FileHandle> {
    await using place = await this.place(path)
    return await place.open(flags)
  }

  /**
   * The place of a file that may be touched, in its directory held open. `create` makes missing directories;
   * `followLink: false` means a symlink itself. Throws MissingFile when the directory is missing.
   */
  async place(path: string, { create = false, followLink = true } = {}): Promise<Place> {
    const real = await (followLink ? this.resolve(path) : this.resolveName(path))
    const name = basename(real)
    const verify = async (directory: HeldDirectory) => {
      const location = await directory.location()
      if (location === undefined) throw new ToolError(`${path} moved while it was looked up; try again`)
      await this.#check(path, join(location, name))
    }
    let directory: HeldDirectory | undefined
    try {
      directory = create ? await this.#makeDirectory(path, dirname(real)) : await this.#hold(dirname(real))
      await verify(directory)
      return new Place({ asked: path, real, name }, directory, verify)
    } catch (error) {
      await directory?.[Symbol.asyncDispose]()
      throw fileError(path, create ? 'created' : 'opened', error)
    }
  }

  /** Which real paths are closed by a pattern or a rule that always holds, at this moment. */
  async protection(): Promise<(real: string) => boolean> {
    const places = [this.#cwd, ...this.#directories].flatMap((root) => OWN_STATE.map((name) => join(root, name)))
    const closed = await Promise.all(places.map((place) => realPath(place).catch(() => place)))
    return (real) => this.#matchesPattern(real) || closed.some((directory) => isInside(directory, real))
  }

  /** Whether a real path is one of the directories of the list or the working directory, or holds one of them. */
  async holdsRoot(real: string): Promise<boolean> {
    const roots = await Promise.all([this.#cwd, ...this.#directories].map((root) => realPath(root)))
    return roots.some((root) => isInside(real, root))
  }

  async #resolve(path: string, lookUp: (asked: string) => Promise<string>): Promise<string> {
    if (path === '' || path.includes('\0')) throw new ToolError('the path is empty or holds a NUL character')
    if (path === '~' || path.startsWith('~/')) {
      throw new ToolError(`~ is not expanded in ${path}; give the whole path, or ./~ for a file of that name`)
    }
    const asked = resolve(this.#cwd, path)
    const real = await lookUp(asked)
    await this.#check(path, real, asked)
    return real
  }

  async #check(path: string, real: string, asked = real): Promise<void> {
    const roots = await Promise.all(this.#directories.map((root) => realPath(root)))
    if (!roots.some((root) => isInside(root, real))) {
      throw new ToolError(
        `${path} is outside the allowed directories (tools.sandbox.directories: ${this.#directories.join(', ')})`,
      )
    }
    if (this.#matchesPattern(asked) || (await this.protection())(real)) {
      throw new ToolError(`${path} is a protected path (.infer/, .git/ and tools.sandbox.protected_paths)`)
    }
  }

  async #hold(directory: string): Promise<HeldDirectory> {
    return await HeldDirectory.open(directory, this.#descriptors)
  }

  /** Holds a directory, made with those above it; each is made in one that is held and that is where it was checked. */
  async #makeDirectory(path: string, directory: string): Promise<HeldDirectory> {
    try {
      return await this.#hold(directory)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOTDIR') throw new ToolError(`${path} cannot be created: ${directory} is not a directory`)
      const parent = dirname(directory)
      if (code !== 'ENOENT' || parent === directory) throw error
      await using above = await this.#makeDirectory(path, parent)
      const location = await above.location()
      if (location !== parent) throw new ToolError(`${path} moved while it was looked up; try again`)
      return await above.child(basename(directory), { create: true })
    }
  }
}
