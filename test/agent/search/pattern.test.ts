import { describe, expect, it } from 'vitest'
import { lineMatcher } from '#agent/search/match-lines.ts'
import { parsePattern } from '#agent/search/pattern.ts'

function linesWith(pattern: string, text: string, { ignoreCase = false, multiline = false } = {}) {
  const { source, flags } = parsePattern(pattern, { ignoreCase, multiline })
  return lineMatcher(source, flags, multiline)({ text, keep: 1_000 })
}
const found = (...args: Parameters<typeof linesWith>) => linesWith(...args).lines

describe('parsePattern', () => {
  it.each([
    ['fo+', 'f\nfoo\nbar', [2]],
    ['^b|r$', 'bar\nabc\nxr', [1, 3]],
    ['^x$', 'x\r\nxx\r\nx', [1, 3]],
    ['function f() {', 'function f\nfunction f {', [2]],
    ['a{2}', 'a\naa', [2]],
    ['{', 'a\n{', [2]],
    ['a{,2}', 'aa\na{,2}', [2]],
    ['interface\\{\\}', 'interface{}', [1]],
    ['(?i)ab(?-i)C', 'ABC\nABc', [1]],
    ['(?i:x)y', 'Xy\nXY', [1]],
    ['\\bcaf\\b', 'café\ncaf é', [2]],
    ['a\\Bb', 'ab\na b', [1]],
    ['\\w{4}', 'café\nca-f', [1]],
    ['^\\d$', '٣\nx', [1]],
    ['\\p{Greek}', 'a\nβ', [2]],
    ['\\PL', 'ab\na1', [2]],
    ['[[:upper:][:digit:]_]', 'a\nA\n1\n_', [2, 3, 4]],
    ['[^\\s\\]]', ' ]\n ]x', [2]],
    ['[]a]', ']\nb', [1]],
    ['[a-]', '-\nb', [1]],
    ['[-.&]', '&\nb', [1]],
    ['a++', 'b\naa', [2]],
    ['a.c', 'a\rc\na\u2028c\nac', [1, 2]],
    ['\\x41|\\x{1F600}|\\u0042', 'A\n😀\nB\nC', [1, 2, 3]],
    ['^.$', '😀\nab', [1]],
    ['(?P<name>x)(?:y|)', 'xy\nx', [1, 2]],
    ['a/b-c#d~e', 'a/b-c#d~e', [1]],
    ['', 'a\n\nb\n', [1, 2, 3]],
  ] as const)('%j on %j finds the lines %j', (pattern, text, lines) => {
    expect(found(pattern, text)).toEqual(lines)
  })

  it('ignores case on demand, as Unicode has it', () => {
    expect(found('STRASSE|é', 'strasse\nÉ\nx', { ignoreCase: true })).toEqual([1, 2])
    expect(found('(?-i:a)B', 'ab\nAb', { ignoreCase: true })).toEqual([1])
  })

  it('finds across lines on demand', () => {
    expect(found('b.*d', 'a\nb\nc\nd\ne', { multiline: true })).toEqual([2, 3, 4])
    expect(found('a$\nb', 'a\r\nb\nx', { multiline: true })).toEqual([1, 2])
    expect(found('a\\nb', 'a\nb\na\nb', { multiline: true })).toEqual([1, 2, 3, 4])
    expect(found('^', 'a\n\nb\n', { multiline: true })).toEqual([1, 2, 3])
    expect(found('x', '', { multiline: true })).toEqual([])
  })

  it.each([
    ['a(b', 'at character 2: "(" is never closed'],
    ['a)b', 'at character 2: ")" closes nothing'],
    ['*a', 'nothing before "*" to repeat'],
    ['^*a', '"*" is behind something that takes no character'],
    ['[\\b]', 'no character of a class'],
    ['a|+', 'nothing before "+"'],
    ['[a', '"[" is never closed'],
    ['a\\', 'ends in a backslash'],
    ['(?=a)', 'look-around is not supported'],
    ['(?<!a)b', 'look-around is not supported'],
    ['(a)\\1', 'backreferences are not supported'],
    ['\\Ab', '"\\A" is no escape sequence'],
    ['\\p{Nope}', 'no class of Unicode'],
    ['[z-a]', 'ends before it begins'],
    ['a{3,2}', 'wrong way round'],
    ['a{5000}', 'more than 1000 times'],
    ['(?m)a', 'the flag "m" is not supported'],
    ['a\\nb', 'unless multiline is true'],
    ['a\nb', 'unless multiline is true'],
    ['\\<a', 'may mean two things'],
    ['[[:nope:]]', 'no class that is known'],
    ['[a&&b]', '"&&" in a class'],
    ['('.repeat(200), 'nested more than 100 deep'],
  ])('says what is wrong with %j', (pattern, message) => {
    expect(() => parsePattern(pattern, { ignoreCase: false, multiline: false })).toThrow(message)
  })

  it('counts all lines and keeps as many as asked for', () => {
    const { source, flags } = parsePattern('a', { ignoreCase: false, multiline: false })
    expect(lineMatcher(source, flags, false)({ text: 'a\nb\na\na', keep: 2 })).toEqual({ lines: [1, 3], total: 3 })
    expect(lineMatcher(source, flags, false)({ text: 'a\nb\na\na', keep: 0 })).toEqual({ lines: [], total: 1 })
  })
})
