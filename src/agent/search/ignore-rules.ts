import { readFile, stat } from 'node:fs/promises'
import { dirname, join, relative, resolve, sep } from 'node:path'
import ignore, { type Ignore } from 'ignore'

interface RuleFile {
  /** What its patterns are relative to. */
  readonly directory: string
  readonly rules: Ignore
}

/** A `.gitignore` larger than this is no such file. */
const MAX_BYTES = 1_000_000

/**
 * Which files git would ignore below a directory: `.gitignore` of each directory up to the repository, and
 * `.git/info/exclude`. Deeper files win over shallower ones, as git has it. The user's global excludes do not count.
 */
export class IgnoreRules {
  /** Deepest last. */
  readonly #files: readonly RuleFile[]

  private constructor(files: readonly RuleFile[]) {
    this.#files = files
  }

  /**
   * The rules that hold in `directory`, from its repository down; outside of a repository those of the directory alone.
   * When git ignores the directory itself, whoever names it means it: then only its own rules hold.
   */
  static async at(directory: string): Promise<IgnoreRules> {
    const above: string[] = []
    let repository: string | undefined
    for (let one = directory; ; one = dirname(one)) {
      if (await exists(join(one, '.git'))) repository = one
      if (repository !== undefined || one === dirname(one)) break
      above.unshift(dirname(one))
    }
    const none = new IgnoreRules([])
    if (repository === undefined) return await none.inside(directory)
    const exclude = await ruleFile(repository, join(await gitDirectory(repository), 'info/exclude'))
    let rules = new IgnoreRules(exclude === undefined ? [] : [exclude])
    for (const one of [...above, directory]) {
      if (one !== repository && rules.ignores(one, true)) return await none.inside(directory)
      rules = await rules.inside(one)
    }
    return rules
  }

  /** The rules one level deeper. */
  async inside(directory: string): Promise<IgnoreRules> {
    // A directory that a deeper file takes back is none of the shallower file's affair any more.
    const kept = this.#files.filter((file) => !verdict(file, directory, true).ignored)
    const own = await ruleFile(directory, join(directory, '.gitignore'))
    if (own === undefined && kept.length === this.#files.length) return this
    return new IgnoreRules(own === undefined ? kept : [...kept, own])
  }

  ignores(path: string, isDirectory: boolean): boolean {
    for (const file of this.#files.toReversed()) {
      const { ignored, unignored } = verdict(file, path, isDirectory)
      if (ignored || unignored) return ignored
    }
    return false
  }
}

function verdict({ directory, rules }: RuleFile, path: string, isDirectory: boolean) {
  const way = relative(directory, path).split(sep).join('/')
  if (way === '') return { ignored: false, unignored: false }
  return rules.test(isDirectory ? `${way}/` : way)
}

async function ruleFile(directory: string, path: string): Promise<RuleFile | undefined> {
  try {
    const { size } = await stat(path)
    if (size > MAX_BYTES) return undefined
    return { directory, rules: ignore({ ignorecase: false }).add(await readFile(path, 'utf8')) }
  } catch {
    return undefined
  }
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  )
}

/** Where the repository keeps what its working trees share. A worktree has a file that leads there. */
async function gitDirectory(repository: string): Promise<string> {
  const path = join(repository, '.git')
  const text = await readFile(path, 'utf8').catch(() => '')
  const [, target] = /^gitdir: (.*)$/m.exec(text) ?? []
  if (target === undefined) return path
  const own = resolve(repository, target)
  const common = await readFile(join(own, 'commondir'), 'utf8').catch(() => undefined)
  return common === undefined ? own : resolve(own, common.trim())
}
