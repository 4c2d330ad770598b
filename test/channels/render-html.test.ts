import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { renderHtml } from '#channels/telegram/render-html.ts'
import { htmlText } from '../support/telegram-server.ts'

const pieces = fc.constantFrom(
  '**',
  '*',
  '_',
  '`',
  '```\n',
  '~~',
  '> ',
  '- ',
  '1. ',
  '# ',
  '[a](http://b/?c=1&d="x")',
  '[x](y)',
  '![i](http://j)',
  '<b>',
  '</i>',
  '&',
  '&amp;',
  '<',
  '>',
  '"',
  '\n',
  '\n\n',
  '    ',
  '| a | b |\n|---|---|\n| 1 | 2 |\n',
  '- [x] ',
  '---\n',
  'word',
  '\\*',
  'https://example.org/?a=1&b=2',
  '[**b** [n](http://n)](http://m)',
)
const markdown = fc.oneof(
  fc.array(pieces, { maxLength: 40 }).map((parts) => parts.join('')),
  fc.string({ unit: 'binary' }),
)

describe('markdown for Telegram', () => {
  it('is HTML that Telegram takes, whatever it is', () => {
    fc.assert(
      fc.property(markdown, (text) => {
        htmlText(renderHtml(text))
      }),
      { numRuns: 2_000 },
    )
  })

  it.each([
    ['**b** _i_ ~~s~~ `c<d`', '<b>b</b> <i>i</i> <s>s</s> <code>c&lt;d</code>'],
    ['# Title & more\ntext', '<b>Title &amp; more</b>\ntext'],
    ['a\n\nb', 'a\n\nb'],
    ['- one\n  - two\n- three', '• one\n  • two\n• three'],
    ['3. a\n4. b', '3. a\n4. b'],
    ['- [x] done\n- [ ] open', '☑ done\n☐ open'],
    ['> said\n> twice', '<blockquote>said\ntwice</blockquote>'],
    ['```js\nif (a < b) {}\n```', '<pre><code class="language-js">if (a &lt; b) {}</code></pre>'],
    ['```\nx\n```', '<pre>x</pre>'],
    ['[l](https://e.org/?a=1&b=2)', '<a href="https://e.org/?a=1&amp;b=2">l</a>'],
    ['[l](javascript:alert)', 'l (javascript:alert)'],
    ['[file](./a.md)', 'file (./a.md)'],
    ['<script>alert(1)</script>', '&lt;script&gt;alert(1)&lt;/script&gt;'],
    ['| a |\n|---|\n| 1 |', '<pre>| a |\n|---|\n| 1 |</pre>'],
    ['1 < 2 & 3 > 2', '1 &lt; 2 &amp; 3 &gt; 2'],
  ])('%j is %j', (text, html) => {
    expect(renderHtml(text)).toBe(html)
  })
})
