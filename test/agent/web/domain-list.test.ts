import { describe, expect, it } from 'vitest'
import { DomainList } from '#agent/web/domain-list.ts'

describe('DomainList', () => {
  const list = new DomainList([
    'Example.com',
    '*.wild.org',
    'https://docs.site.dev/x',
    'localhost:8080',
    '10.0.0.1',
    '[::1]',
  ])

  it.each(['example.com', 'a.b.example.com', 'x.wild.org', 'docs.site.dev', 'localhost', '10.0.0.1', '::1'])(
    'has %s',
    (host) => {
      expect(list.has(host)).toBe(true)
    },
  )

  it.each(['notexample.com', 'example.com.evil.net', 'wild.org', 'site.dev', '110.0.0.1', '1.10.0.0.1', '::2', 'com'])(
    'has no %s',
    (host) => {
      expect(list.has(host)).toBe(false)
    },
  )

  it('names a host only when that very host stands there', () => {
    expect(list.names('example.com')).toBe(true)
    expect(list.names('a.example.com')).toBe(false)
    expect(list.names('x.wild.org')).toBe(false)
  })

  it('is empty only when nothing was given', () => {
    expect(new DomainList([]).isEmpty).toBe(true)
    expect(new DomainList(['', ' ']).isEmpty).toBe(true)
    expect(new DomainList(['http://[']).isEmpty).toBe(false)
  })
})
