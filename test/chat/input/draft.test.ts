import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  backspace,
  type Draft,
  deleteForward,
  draftOf,
  end,
  home,
  insert,
  killToEnd,
  killToStart,
  killWordBack,
  killWordForward,
  left,
  right,
  transpose,
  wordLeft,
  wordRight,
} from '#chat/input/draft.ts'

const moves = { left, right, wordLeft, wordRight, home, end, backspace, deleteForward, transpose }
const kills = { killToEnd, killToStart, killWordBack, killWordForward }

/** A draft written with `|` where the cursor is. */
function draft(text: string): Draft {
  const cursor = text.indexOf('|')
  return { text: text.replace('|', ''), cursor }
}
const written = ({ text, cursor }: Draft) => `${text.slice(0, cursor)}|${text.slice(cursor)}`

describe('a draft', () => {
  it.each([
    ['left', 'ab|c', 'a|bc'],
    ['left', '|abc', '|abc'],
    ['left', 'a👩‍👩‍👧|b', 'a|👩‍👩‍👧b'],
    ['right', 'a|e\u0301b', 'ae\u0301|b'],
    ['right', 'abc|', 'abc|'],
    ['wordLeft', 'git commit --amend|', 'git commit --|amend'],
    ['wordLeft', 'git |commit', '|git commit'],
    ['wordLeft', 'eine Größe|', 'eine |Größe'],
    ['wordRight', '|git commit', 'git| commit'],
    ['wordRight', 'git| commit', 'git commit|'],
    ['home', 'one\ntw|o', 'one\n|two'],
    ['home', '|\none', '|\none'],
    ['end', 'o|ne\ntwo', 'one|\ntwo'],
    ['backspace', 'a👍🏽|b', 'a|b'],
    ['backspace', '|ab', '|ab'],
    ['deleteForward', 'a|\nb', 'a|b'],
    ['deleteForward', 'ab|', 'ab|'],
    ['transpose', 'a|b', 'ba|'],
    ['transpose', 'ab|', 'ba|'],
    ['transpose', 'ab|\nc', 'ba|\nc'],
    ['transpose', '|ab', '|ab'],
  ] as const)('%s of %j is %j', (name, before, after) => {
    expect(written(moves[name](draft(before)))).toBe(after)
  })

  it.each([
    ['killToEnd', 'one t|wo\nthree', 'one t|\nthree', 'wo'],
    ['killToEnd', 'one|\ntwo', 'one|two', '\n'],
    ['killToStart', 'one\ntw|o', 'one\n|o', 'tw'],
    ['killToStart', 'one\n|two', 'one|two', '\n'],
    ['killWordBack', 'rm -rf ./dir |', 'rm -rf |', './dir '],
    ['killWordForward', 'rm| -rf x', 'rm| x', ' -rf'],
  ] as const)('%s of %j leaves %j and keeps %j', (name, before, after, killed) => {
    const cut = kills[name](draft(before))
    expect([written(cut.draft), cut.killed]).toEqual([after, killed])
  })

  it('finds a word behind a very long one', () => {
    const long = '𝐀'.repeat(100_000)
    expect(killWordBack(draftOf(`${long} on`)).killed).toBe('on')
    expect(wordLeft(draftOf(`${long} on`)).cursor).toBe(long.length + 1)
    expect(wordLeft(draftOf(`, ${long}!!`)).cursor).toBe(2)
  })

  it('never has the cursor inside a character, whatever is done', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 20 })
    const steps = fc.array(fc.constantFrom(...Object.values({ ...moves, ...kills })), { maxLength: 20 })
    fc.assert(
      fc.property(text, steps, (given, acts) => {
        let current = draftOf(given)
        for (const act of acts) {
          const result = act(current)
          current = 'draft' in result ? result.draft : result
          expect(current.cursor).toBeLessThanOrEqual(current.text.length)
          expect(current.text.slice(0, current.cursor).isWellFormed()).toBe(given.isWellFormed())
        }
      }),
    )
  })

  it('has what was killed back where it was when it is inserted again', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.nat(), (text, n) => {
        let start = draftOf(text)
        for (let i = 0; i < n % 10; i += 1) start = left(start)
        for (const kill of Object.values(kills)) {
          const cut = kill(start)
          expect(insert(cut.draft, cut.killed).text).toBe(text)
        }
      }),
    )
  })
})
