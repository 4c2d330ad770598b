import { execFile } from 'node:child_process'
import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { cleanEnvironment } from '../../support/environment.ts'

const execute = promisify(execFile)

export const GIT_ENVIRONMENT: NodeJS.ProcessEnv = {
  ...cleanEnvironment(),
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_SYSTEM: '/dev/null',
  GIT_AUTHOR_NAME: 'A',
  GIT_AUTHOR_EMAIL: 'a@example.com',
  GIT_COMMITTER_NAME: 'A',
  GIT_COMMITTER_EMAIL: 'a@example.com',
}

export async function git(cwd: string, ...args: string[]): Promise<string> {
  const { stdout } = await execute('git', args, { cwd, env: GIT_ENVIRONMENT })
  return stdout
}

/** Every setting with which a repository makes git execute something, with what it would execute. */
const TRAPS = [
  'core.fsmonitor',
  'core.pager',
  'core.sshCommand',
  'core.editor',
  'core.askPass',
  'core.alternateRefsCommand',
  'core.gitProxy',
  'credential.helper',
  'pager.log',
  'pager.diff',
  'pager.status',
  'diff.external',
  'diff.trap.command',
  'diff.trap.textconv',
  'filter.trap.clean',
  'filter.trap.smudge',
  'filter.process-trap.process',
  'merge.trap.driver',
  'gpg.program',
  'gpg.ssh.program',
  'man.trap.cmd',
  'browser.trap.cmd',
  'trailer.trap.command',
  'alias.status',
  'alias.st',
] as const

const HOOKS = ['post-index-change', 'pre-commit', 'post-checkout', 'reference-transaction', 'fsmonitor-watchman']

/**
 * A repository in which git, run as it comes, executes planted programs: each leaves a file in `executed`. It has two
 * commits, a merge, a signed commit, an alternate, a submodule with traps of its own, and changes that are not committed.
 */
export async function plantRepository(parent: string): Promise<{ path: string; executed: () => Promise<string[]> }> {
  const path = join(parent, 'repository')
  const marks = join(parent, 'executed')
  await mkdir(join(path, 'src'), { recursive: true })
  await mkdir(marks)
  await git(path, 'init', '-q', '-b', 'main')
  await writeFile(join(path, 'a.txt'), 'one\n')
  await writeFile(join(path, 'b.bin'), 'two\n')
  await writeFile(join(path, 'src', 'main.ts'), 'export {}\n')
  await writeFile(join(path, '.env'), 'SECRET=committed\n')
  await git(path, 'add', '-A')
  await git(path, 'commit', '-q', '-m', 'first')
  await git(path, 'checkout', '-q', '-b', 'side')
  await writeFile(join(path, 'a.txt'), 'side\n')
  await git(path, 'commit', '-q', '-am', 'on the side')
  await git(path, 'checkout', '-q', 'main')
  await writeFile(join(path, 'a.txt'), 'main\n')
  await git(path, 'commit', '-q', '-am', 'second')
  await git(path, 'merge', '-q', '-X', 'ours', '-m', 'merged', 'side')
  await plantSubmodule(parent, path, marks)
  await git(path, 'config', '-f', '.gitmodules', 'submodule.module.ignore', 'none')
  await writeFile(join(path, '.gitattributes'), 'a.txt filter=trap diff=trap merge=trap\nb.bin filter=process-trap\n')
  await git(path, 'add', '-A')
  await git(path, 'commit', '-q', '-m', 'attributes')
  await plantSignature(parent, path)
  await mkdir(join(parent, 'alternate', 'objects'), { recursive: true })
  await git(join(parent, 'alternate'), 'init', '-q', '--bare')
  await writeFile(join(path, '.git/objects/info/alternates'), `${join(parent, 'alternate', 'objects')}\n`)
  for (const name of TRAPS) await git(path, 'config', name, await trap(marks, name, name.startsWith('alias.')))
  await plantConfig(path, marks)
  for (const hook of HOOKS) await plantProgram(join(path, '.git/hooks', hook), `touch '${marks}/hook-${hook}'`)
  await writeFile(join(path, 'a.txt'), 'changed\n')
  await writeFile(join(path, 'b.bin'), 'changed\n')
  await writeFile(join(path, '.git/info/attributes'), 'src/main.ts diff=trap\n')
  await writeFile(join(path, 'src', 'main.ts'), 'export const changed = 1\n')
  return { path, executed: () => readdir(marks) }
}

async function plantConfig(path: string, marks: string): Promise<void> {
  const settings = {
    'submodule.module.ignore': 'none',
    'filter.trap.required': 'true',
    'log.showSignature': 'true',
    'diff.submodule': 'diff',
    'status.submoduleSummary': 'true',
    'help.autocorrect': 'immediate',
    'man.viewer': 'trap',
    'help.browser': 'trap',
    'core.hooksPath': join(path, '.git/hooks'),
    'remote.origin.url': `ext::${await trap(marks, 'protocol')}`,
    'remote.origin.promisor': 'true',
    'protocol.ext.allow': 'always',
    'grep.fallbackToNoIndex': 'true',
  }
  for (const [name, value] of Object.entries(settings)) await git(path, 'config', name, value)
}

/** A tag `signed` on a commit whose signature git gives to `gpg.program`. */
async function plantSignature(parent: string, path: string): Promise<void> {
  const [head = '', ...message] = (await git(path, 'cat-file', '-p', 'HEAD')).split('\n\n')
  const signature = '-----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----'
  const file = join(parent, 'signed-commit')
  await writeFile(file, `${head}\ngpgsig ${signature}\n\n${message.join('\n\n')}`)
  const id = await git(path, 'hash-object', '-t', 'commit', '-w', file)
  await git(path, 'tag', 'signed', id.trim())
}

async function plantSubmodule(parent: string, path: string, marks: string): Promise<void> {
  const origin = join(parent, 'origin')
  await mkdir(origin)
  await git(origin, 'init', '-q', '-b', 'main')
  await writeFile(join(origin, 'inner.txt'), 'inner\n')
  await git(origin, 'add', '-A')
  await git(origin, 'commit', '-q', '-m', 'inner')
  await git(path, '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', origin, 'module')
  const module = join(path, 'module')
  await git(module, 'config', 'core.fsmonitor', await trap(marks, 'module-fsmonitor'))
  await git(module, 'config', 'filter.inner.clean', await trap(marks, 'module-filter'))
  await writeFile(join(module, '.gitattributes'), '*.txt filter=inner\n')
  // As long as before: git then has to read it, through the filter.
  await writeFile(join(module, 'inner.txt'), 'outer\n')
}

/** A program that says by a file that it was executed. */
async function trap(marks: string, name: string, alias = false): Promise<string> {
  const program = join(marks, '..', `trap-${name}`)
  await plantProgram(program, `touch '${marks}/${name}'`)
  return alias ? `!${program}` : program
}

async function plantProgram(file: string, script: string): Promise<void> {
  await mkdir(join(file, '..'), { recursive: true })
  await writeFile(file, `#!/bin/sh\n${script}\n`)
  await chmod(file, 0o755)
}
