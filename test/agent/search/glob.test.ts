import { assert, constantFrom, property, string } from 'fast-check'
import picomatch from 'picomatch'
import { describe, expect, it } from 'vitest'
import { globFilter } from '#agent/search/glob.ts'

describe('globFilter', () => {
  it.each([
    ['*.ts', ['a.ts', 'x/y/a.ts', '.ts'], ['a.tsx', 'a.ts/x']],
    ['src/**/*.ts', ['src/a.ts', 'src/x/y/a.ts'], ['a.ts', 'x/src/a.ts']],
    ['**/*.ts', ['a.ts', 'x/a.ts'], ['a.js']],
    ['/a.ts', ['a.ts'], ['x/a.ts']],
    ['*.{js,ts}', ['a.js', 'a.ts'], ['a.css']],
    ['{a,b}/{c,d}', ['a/c', 'b/d'], ['a/b', 'x/a/c']],
    ['!*.ts', ['a.js'], ['a.ts', 'x/a.ts']],
    ['a?c', ['abc', 'x/a.c'], ['ac', 'a/c']],
    ['[a-c].[!x]', ['b.y'], ['b.x', 'd.y']],
    ['src/', ['src/a', 'src/b/c'], ['a', 'src']],
    ['./x/*', ['x/a'], ['x/a/b']],
    ['a\\*b', ['a*b'], ['axb']],
    ['(a)+.ts', ['(a)+.ts'], ['a.ts']],
    ['x/**', ['x/a', 'x/a/b'], ['y/a']],
  ])('%s', (glob, yes, no) => {
    const filter = globFilter(glob)
    for (const path of yes) expect(filter(path), path).toBe(true)
    for (const path of no) expect(filter(path), path).toBe(false)
  })

  it('decides as picomatch does', () => {
    const part = string({ unit: constantFrom('a', 'b', '.', '/', '*', '?'), minLength: 1, maxLength: 7 })
    const path = string({ unit: constantFrom('a', 'b', '.', '/'), minLength: 1, maxLength: 8 })
    const plain = (text: string) => !/^\/|\/$|\/\/|(^|\/)\.{1,2}(\/|$)|\*{3}|[^/]\*\*|\*\*[^/]/.test(text)
    assert(
      property(part, path, (glob, given) => {
        // Where the dialects differ on purpose, or nobody writes it.
        if (!plain(glob) || !plain(given) || glob.endsWith('/**')) return
        const anchored = glob.includes('/') ? glob : `**/${glob}`
        expect(globFilter(glob)(given)).toBe(picomatch(anchored, { dot: true, noextglob: true })(given))
      }),
      { numRuns: 2_000 },
    )
  })

  it('takes no longer for a glob that makes others backtrack', () => {
    expect(globFilter(`${'*a'.repeat(100)}b`)('a'.repeat(250))).toBe(false)
    expect(globFilter(`${'**/a*/'.repeat(50)}b`)('a/'.repeat(120))).toBe(false)
  })

  it.each(['[a', '', '!', 'x'.repeat(2_000), '{a,b}'.repeat(8)])('refuses %j', (glob) => {
    expect(() => globFilter(glob)).toThrow('the glob')
  })
})
