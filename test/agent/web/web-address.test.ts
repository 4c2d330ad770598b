import { describe, expect, it } from 'vitest'
import { webAddress } from '#agent/web/web-address.ts'

describe('webAddress', () => {
  it.each([
    ['https://Example.com./a', 'example.com'],
    ['http://[::1]:80/', '::1'],
    ['http://127.0.0.1:8080/x', '127.0.0.1'],
    ['http://bücher.example/', 'xn--bcher-kva.example'],
  ])('%s has the host %s', (text, host) => {
    expect(webAddress(text).host).toBe(host)
  })

  it.each([
    ['ftp://example.com/', 'only http and https can be fetched, not ftp'],
    ['file:///etc/passwd', 'not file'],
    ['javascript:alert(1)', 'not javascript'],
    ['example.com', 'is no URL'],
    ['http://user@example.com/', 'user or password'],
    ['http://:pass@example.com/', 'user or password'],
    ['http://2130706433/', '2130706433 is a way to write 127.0.0.1'],
    ['http://0x7f000001/', 'a way to write 127.0.0.1'],
    ['http://0177.0.0.1/', 'a way to write 127.0.0.1'],
    ['http://127.1:80/', '127.1:80 is a way to write 127.0.0.1'],
    ['http:\\\\134744072\\', 'a way to write 8.8.8.8'],
    [`http://a/${'x'.repeat(5_000)}`, 'longer than'],
  ])('refuses %s', (text, message) => {
    expect(() => webAddress(text)).toThrow(message)
  })

  it('reads redirects relative to where they come from', () => {
    const base = new URL('https://a.example/x/y')
    expect(webAddress('../z', base).url.href).toBe('https://a.example/z')
    expect(webAddress('//b.example/', base).host).toBe('b.example')
    expect(() => webAddress('//2130706433/', base)).toThrow('a way to write')
  })
})
