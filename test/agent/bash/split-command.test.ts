import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { splitCommand } from '#agent/bash/split-command.ts'
import { cleanEnvironment } from '../../support/environment.ts'

function wordsOf(command: string): readonly string[] | string {
  const split = splitCommand(command)
  return split.kind === 'words' ? split.words : split.reason
}

/** What bash makes of the words behind a program that prints them. */
function bashWords(commands: readonly string[]): string[][] {
  const lines = commands.map((command) => `printf '%s\\0' ${command}; printf '\\1'`)
  const printed = execFileSync('bash', ['--norc', '--noprofile', '-s'], {
    input: `${lines.join('\n')}\n`,
    encoding: 'utf8',
    env: cleanEnvironment({ LC_ALL: 'C.UTF-8', HOME: '/home-of-nobody' }),
    cwd: '/',
  })
  return printed
    .split('\x01')
    .slice(0, -1)
    .map((one) => one.split('\0').slice(0, -1))
}

describe('splitting a command', () => {
  it.each([
    ['echo a  b\tc ', ['echo', 'a', 'b', 'c']],
    [`echo 'a b' "c d" e\\ f`, ['echo', 'a b', 'c d', 'e f']],
    [`echo '$HOME' "\\$HOME" \\$HOME '\`id\`'`, ['echo', '$HOME', '$HOME', '$HOME', '`id`']],
    [`echo a'b'"c"\\d ''`, ['echo', 'abcd', '']],
    [`echo "a\\b" "a\\"b" "a\\\\b"`, ['echo', 'a\\b', 'a"b', 'a\\b']],
    [`echo '*' "?" \\[ 'a;b' "a|b" "(x)" '~'`, ['echo', '*', '?', '[', 'a;b', 'a|b', '(x)', '~']],
    ['git show HEAD@{1} HEAD~2 HEAD^ @{u}..HEAD', ['git', 'show', 'HEAD@{1}', 'HEAD~2', 'HEAD^', '@{u}..HEAD']],
    ['echo a#b a=b {} x{y}z 😀', ['echo', 'a#b', 'a=b', '{}', 'x{y}z', '😀']],
    ['echo {a","b}', ['echo', '{a,b}']],
  ])('%s', (command, words) => {
    expect(wordsOf(command)).toEqual(words)
  })

  it.each([
    ['ls | cat', 'a pipe or chain (|)'],
    ['ls || cat', 'a pipe or chain (|)'],
    ['ls && cat', 'a chain or background command (&)'],
    ['sleep 1 &', 'a chain or background command (&)'],
    ['ls; cat', 'a chain (;)'],
    ['ls > x', 'a redirect (>)'],
    ['ls 2>&1', 'a redirect (>)'],
    ['cat < x', 'a redirect (<)'],
    ['cat << EOF', 'a redirect (<)'],
    ['cat <(ls)', 'a redirect (<)'],
    ['echo $(id)', 'an expansion ($)'],
    ['echo "$(id)"', 'an expansion ($)'],
    ['echo `id`', 'a command substitution (`)'],
    ['echo "`id`"', 'a command substitution (`)'],
    ['echo $HOME', 'an expansion ($)'],
    ['echo "${HOME}"', 'an expansion ($)'],
    ["echo $'\\x41'", 'an expansion ($)'],
    ['(ls)', 'a subshell'],
    ['! ls', 'an unquoted !'],
    ['echo !!', 'an unquoted !'],
    ['ls\ncat', 'a newline'],
    ["echo 'a\nb'", 'a newline'],
    ['ls\rcat', 'control character'],
    ['ls \0', 'control character'],
    ['echo \ud800', 'well-formed'],
    ["echo 'a", 'a quote is not closed'],
    ['echo "a', 'a quote is not closed'],
    ['echo "a\\"', 'a quote is not closed'],
    ['echo a\\', 'backslash'],
    ['ls *', 'file pattern'],
    ['ls .?nv', 'file pattern'],
    ['ls .[e]nv', 'file pattern'],
    ['ls ~', 'an unquoted ~'],
    ['ls a=~/x', 'an unquoted ~'],
    ['ls a:~', 'an unquoted ~'],
    ['ls {a,b}', 'brace expansion'],
    ['ls {1..3}', 'brace expansion'],
    ['ls {a{b},c}', 'brace expansion'],
    ['ls # x', 'a comment'],
    ['A=b ls', 'sets a variable'],
    ['A+=b ls', 'sets a variable'],
    ['-x', 'names no program'],
    ["'' x", 'names no program'],
    ['', 'names no program'],
  ])('refuses %j', (command, reason) => {
    expect(wordsOf(command)).toContain(reason)
  })

  const character = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...'abz019._-/ ') },
    { weight: 4, arbitrary: fc.constantFrom(...`'"\\'"\\ \t#~=:{},^@+%]`) },
    { weight: 1, arbitrary: fc.constantFrom(...'$`|&;<>()!*?[', 'é', '😀', '..', '\u00a0', '\\ ', '{a,b}', '""') },
  )
  const text = fc.array(character, { minLength: 1, maxLength: 14 }).map((parts) => parts.join(''))

  it('agrees with bash on every command that it takes', () => {
    let compared = 0
    fc.assert(
      fc.property(fc.array(text, { minLength: 60, maxLength: 60 }), (texts) => {
        const taken = texts.filter((one) => Array.isArray(wordsOf(`echo ${one}`)) && !/^\s*$/.test(one))
        const own = taken.map((one) => (wordsOf(`echo ${one}`) as string[]).slice(1))
        expect(bashWords(taken)).toEqual(own)
        compared += taken.length
      }),
      { numRuns: 60 },
    )
    expect(compared).toBeGreaterThan(300)
  })

  it('takes nothing with an active character outside quotes, as a second reader sees it', () => {
    fc.assert(
      fc.property(text, (one) => {
        if (splitCommand(`echo ${one}`).kind !== 'words') return
        const unescaped = one.replaceAll(/'[^']*'|"(?:\\.|[^"\\])*"|\\./gu, (quoted) => {
          if (quoted.startsWith('"')) expect(quoted.replaceAll(/\\./gu, '')).not.toMatch(/[$`]/)
          return 'q'
        })
        expect(unescaped).not.toMatch(/[$`|&;<>()!*?['"\\\n]/)
      }),
      { numRuns: 2_000 },
    )
  })
})
