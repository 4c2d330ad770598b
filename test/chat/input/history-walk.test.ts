import { describe, expect, it } from 'vitest'
import { newer, older, search, searchOlder, shown, startWalk } from '#chat/input/history-walk.ts'

const ENTRIES = ['git status', 'npm test', 'npm test', 'git commit\n-m "two lines"']

describe('the walk through the history', () => {
  it('goes from the newest to the oldest and back to what was being typed', () => {
    const seen: string[] = []
    let walk = startWalk(ENTRIES)
    let text = 'half a thou'
    for (let next = older(walk, text); next; next = older(walk, text)) {
      walk = next
      text = shown(walk)
      seen.push(text)
    }
    expect(seen).toEqual(['git commit\n-m "two lines"', 'npm test', 'git status'])
    for (let next = newer(walk, text); next; next = newer(walk, text)) {
      walk = next
      text = shown(walk)
    }
    expect(text).toBe('half a thou')
  })

  it('has nothing to show without entries', () => {
    expect(older(startWalk([]), '')).toBeUndefined()
    expect(newer(startWalk(ENTRIES), '')).toBeUndefined()
  })
})

describe('the search in the history', () => {
  it('finds the newest first, then older ones that read otherwise', () => {
    const first = search(ENTRIES, 'git')
    expect(first.index).toBe(3)
    expect(searchOlder(ENTRIES, first).index).toBe(0)
    const test = search(ENTRIES, 'test')
    expect(test.index).toBe(2)
    expect(searchOlder(ENTRIES, test)).toEqual(test)
  })

  it('passes over one line that was sent a hundred thousand times', () => {
    const entries = ['make it', ...Array.from({ length: 100_000 }, () => 'make')]
    expect(searchOlder(entries, search(entries, 'make')).index).toBe(0)
  })

  it('heeds upper case only when it was typed', () => {
    expect(search(['Deploy', 'deploy'], 'Dep').index).toBe(0)
    expect(search(['Deploy', 'x'], 'dep').index).toBe(0)
    expect(search(ENTRIES, 'nowhere').index).toBe(-1)
    expect(search(ENTRIES, '').index).toBe(-1)
  })
})
