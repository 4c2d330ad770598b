import { Lexer, type Token, type Tokens } from 'marked'

/** Addresses that Telegram makes a link of; every other one is shown as text. */
const LINK = /^(https?|tg|mailto):/i

/**
 * Markdown as the HTML that Telegram understands (https://core.telegram.org/bots/api#html-style): what it has no element
 * for, such as tables and headings, is shown by other means, and HTML in the text as text.
 */
export function renderHtml(markdown: string): string {
  return blocks(new Lexer({ gfm: true }).lex(markdown), false).trim()
}

/** Blocks with the empty lines that were between them. Quotes cannot stand in quotes. */
function blocks(tokens: readonly Token[], quoted: boolean): string {
  let html = ''
  let separator = ''
  for (const token of tokens) {
    if (token.type === 'space') {
      separator = '\n\n'
      continue
    }
    const rendered = block(token, quoted)
    if (rendered === '') continue
    html += html === '' ? rendered : `${separator}${rendered}`
    separator = /\n\s*\n$/.test(token.raw) ? '\n\n' : '\n'
  }
  return html
}

function block(token: Token, quoted: boolean): string {
  switch (token.type) {
    case 'heading':
      return `<b>${inline(token.tokens ?? [])}</b>`
    case 'code':
      return code(token as Tokens.Code)
    case 'blockquote': {
      const inner = blocks(token.tokens ?? [], true)
      return quoted || inner === '' ? inner : `<blockquote>${inner}</blockquote>`
    }
    case 'list':
      return list(token as Tokens.List, quoted)
    case 'hr':
      return '———'
    case 'table':
      return `<pre>${escaped(token.raw.trimEnd())}</pre>`
    case 'paragraph':
    case 'text':
      return token.tokens === undefined ? escaped(token.raw) : inline(token.tokens)
    case 'checkbox':
      return inline([token])
    default:
      return escaped(token.raw.trimEnd())
  }
}

function code({ text, lang }: Tokens.Code): string {
  const [language = ''] = /^[\w+#.-]+/.exec(lang ?? '') ?? []
  const attribute = language === '' ? '' : ` class="language-${escaped(language)}"`
  return language === '' ? `<pre>${escaped(text)}</pre>` : `<pre><code${attribute}>${escaped(text)}</code></pre>`
}

function list({ items, ordered, start, loose }: Tokens.List, quoted: boolean): string {
  const lines = items.map((item, index) => {
    const mark = ordered ? `${Number(start) + index}. ` : '• '
    const inner = listItem(item, quoted)
    return `${item.task ? '' : mark}${inner}`
  })
  return lines.join(loose ? '\n\n' : '\n')
}

/** What belongs to an item is set in, but for code, whose spaces count. */
function listItem({ tokens }: Tokens.ListItem, quoted: boolean): string {
  let html = ''
  for (const token of tokens) {
    if (token.type === 'space') continue
    const rendered = block(token, quoted)
    const apart = html !== '' && !html.endsWith('☑ ') && !html.endsWith('☐ ')
    html += `${apart ? '\n' : ''}${token.type === 'list' ? rendered.replaceAll(/^/gm, '  ') : rendered}`
  }
  return html
}

function inline(tokens: readonly Token[]): string {
  return tokens.map(span).join('')
}

function span(token: Token): string {
  switch (token.type) {
    case 'strong':
      return element('b', token)
    case 'em':
      return element('i', token)
    case 'del':
      return element('s', token)
    case 'codespan':
      return `<code>${escaped(token.text)}</code>`
    case 'br':
      return '\n'
    case 'checkbox':
      return token.checked ? '☑ ' : '☐ '
    case 'link':
    case 'image':
      return link(token as Tokens.Link)
    case 'escape':
      return escaped(token.text)
    case 'text':
      return token.tokens === undefined ? escaped(token.text) : inline(token.tokens)
    default:
      return escaped(token.raw)
  }
}

function element(name: string, token: Token): string {
  const inner = 'tokens' in token ? inline(token.tokens ?? []) : ''
  return inner === '' ? escaped(token.raw) : `<${name}>${inner}</${name}>`
}

/** Links do not nest, and one without a text shows its address. */
function link({ href, text, tokens, type }: Tokens.Link): string {
  const label = (type as string) === 'image' ? escaped(text) : plainLabel(tokens)
  if (!LINK.test(href)) return label === '' || text === href ? escaped(text || href) : `${label} (${escaped(href)})`
  return `<a href="${escaped(href)}">${label === '' ? escaped(href) : label}</a>`
}

function plainLabel(tokens: readonly Token[]): string {
  return tokens.map((token) => (token.type === 'link' ? escaped(token.text) : span(token))).join('')
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

function escaped(text: string): string {
  return text.replaceAll(/[&<>"]/g, (character) => ENTITIES[character] ?? character)
}
