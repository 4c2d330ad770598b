/** Subcommands that only look, or only change names (branch, tag). */
const KNOWN = new Set(
  (
    'annotate blame branch cat-file check-attr check-ignore cherry count-objects describe diff diff-files diff-index ' +
    'diff-tree for-each-ref grep log ls-files ls-tree merge-base name-rev remote rev-list rev-parse shortlog show ' +
    'show-branch show-ref stash status tag version whatchanged'
  ).split(' '),
)

/** First words with which these only look; the empty one is none. */
const LOOKING: Readonly<Record<string, readonly string[]>> = {
  remote: ['', '-v', '--verbose', 'get-url'],
  stash: ['list', 'show'],
}

/** Options that stand before the subcommand and are harmless. */
const BEFORE = new Set(['--no-pager', '--no-optional-locks', '--version', '--literal-pathspecs'])

/** Options with which git writes, executes, leaves the repository or the sandbox, or reads lists of paths. */
const CLOSED = [
  '--alternate-refs',
  '--broken',
  '--config-env',
  '--diff-merges',
  '--dirty',
  '--edit-description',
  '--exec-path',
  '--ext-diff',
  '--filters',
  '--git-dir',
  '--help',
  '--ignore-submodules',
  '--namespace',
  '--no-exclude-standard',
  '--no-index',
  '--open-files-in-pager',
  '--output',
  '--pathspec-from-file',
  '--receive-pack',
  '--recurse-submodules',
  '--remerge-diff',
  '--show-signature',
  '--submodule',
  '--super-prefix',
  '--textconv',
  '--untracked',
  '--upload-pack',
  '--work-tree',
]

/** Options of their own whose names are the beginning of a closed one. */
const WHOLE = new Set(['--text', '--'])

/** Short options whose value may follow in the same word: nothing after them is an option. */
const CARRYING: Readonly<Record<string, string>> = { grep: 'efmAB' }
const CARRYING_ELSEWHERE = 'SGILU'

/** Where the subcommand stands in the words of a git command, undefined when there is none. Throws nothing. */
export function subcommandIndex(words: readonly string[]): number | undefined {
  const index = words.findIndex((word, at) => at > 0 && !BEFORE.has(word))
  return index === -1 ? undefined : index
}

/** Why these words of a git command are not to be run from a list; undefined when their options are harmless. */
export function gitProblem(words: readonly string[]): string | undefined {
  const index = subcommandIndex(words)
  if (index === undefined) return undefined
  const [subcommand = '', ...rest] = words.slice(index)
  if (subcommand.startsWith('-')) return `git ${subcommand} is not run from a list`
  if (!KNOWN.has(subcommand)) return `git ${subcommand} is not among the subcommands that only look`
  const looks = LOOKING[subcommand]
  if (looks !== undefined && !looks.includes(rest[0] ?? '')) return `git ${subcommand} is run from a list only to look`
  const closed = rest.find((word) => isClosed(word, CARRYING[subcommand] ?? CARRYING_ELSEWHERE))
  return closed === undefined ? undefined : `git is not run with ${closed} from a list`
}

/** Words behind `--` count too: that may be the value of an option before it. */
function isClosed(word: string, carrying: string): boolean {
  if (word.startsWith('--')) {
    const [name = ''] = word.split('=', 1)
    return !WHOLE.has(name) && CLOSED.some((option) => option.startsWith(name))
  }
  if (!word.startsWith('-')) return false
  for (const letter of word.slice(1)) {
    if ('cCO'.includes(letter)) return true
    if (carrying.includes(letter)) return false
  }
  return false
}

const DIFF = ['--no-ext-diff', '--no-textconv', '--ignore-submodules=dirty']

/** What switches drivers and looks into submodules off, for the subcommands that know such options. */
const ADDED: Readonly<Record<string, readonly string[]>> = {
  annotate: ['--no-textconv'],
  blame: ['--no-textconv'],
  diff: DIFF,
  'diff-files': DIFF,
  'diff-index': DIFF,
  'diff-tree': DIFF,
  log: DIFF,
  show: DIFF,
  status: ['--ignore-submodules=dirty'],
  whatchanged: DIFF,
}

/** The words of a checked git command with the options that it must not run without. */
export function hardenedWords(words: readonly string[]): string[] {
  const index = subcommandIndex(words)
  if (index === undefined) return [...words]
  const subcommand = words[index] ?? ''
  return [...words.slice(0, index), '--no-pager', subcommand, ...(ADDED[subcommand] ?? []), ...words.slice(index + 1)]
}
