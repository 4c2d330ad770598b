import { describe, expect, it } from 'vitest'
import { pageText } from '#agent/web/page-text.ts'

const text = async (body: string | Uint8Array, type: string | undefined, raw = false) =>
  (await pageText(Buffer.from(body as string), type, raw)).text

describe('pageText', () => {
  it('makes HTML readable', async () => {
    const html = `<html><head><title>t</title><style>x{}</style><script>evil()</script></head><body><h1>Head</h1>
      <p>One <b>two</b> <a href="https://x.dev/y">link</a> <a href="#z">here</a> &amp; so</p><img src="a.png" alt="pic">
      <ul><li>a</li><li>b</li></ul><table><tr><th>K</th><th>V</th></tr><tr><td>1</td><td>2</td></tr></table></body></html>`
    expect(await text(html, 'text/html')).toBe(
      'Head\n\nOne two link [https://x.dev/y] here & so\n\n * a\n * b\n\nK   V\n1   2',
    )
    expect(await text(html, 'text/html', true)).toBe(html)
  })

  it('leaves other text as it is', async () => {
    expect(await text('{"a": "<b>"}', 'application/json; charset=utf-8')).toBe('{"a": "<b>"}')
    expect(await text('<a/>', 'application/atom+xml')).toBe('<a/>')
    expect(await text('x', undefined)).toBe('x')
  })

  it('reads the character set where it stands', async () => {
    const latin = Uint8Array.from([0x63, 0x61, 0x66, 0xe9])
    expect(await text(latin, 'text/plain; charset="ISO-8859-1"')).toBe('café')
    expect(await text(latin, 'text/plain')).toBe('caf\ufffd')
    expect(await text(latin, 'text/plain; charset=nonsense')).toBe('caf\ufffd')
    expect(await text(Buffer.concat([Buffer.from('<meta charset="latin1">'), latin]), 'text/html')).toBe('café')
    expect(await text(Buffer.from('\ufeffhé', 'utf16le'), 'text/plain')).toBe('hé')
  })

  it.each(['image/png', 'application/pdf', 'application/octet-stream', 'video/mp4', 'application/zip'])(
    'refuses %s',
    async (type) => {
      await expect(text('x', type)).rejects.toThrow(`the page is ${type}, which is no text`)
    },
  )

  it('refuses bytes that call themselves text', async () => {
    await expect(text(Uint8Array.from([1, 0, 2]), 'text/plain')).rejects.toThrow('NUL bytes')
  })

  it('takes HTML whose conversion would not come to an end', async () => {
    for (const tags of ['<div>', '<ul><li>', '<table><tr><td>', '<']) {
      expect(await text(`<p>begin</p>${tags.repeat(120_000)}x`, 'text/html')).toMatch(/^begin/)
    }
    const rows = await text(`<table>${'<tr><td>a</td><td>b</td></tr>'.repeat(60_000)}</table>`, 'text/html')
    expect(rows).toMatch(/^ ?a +b ?\n ?a +b/)
  })
})
