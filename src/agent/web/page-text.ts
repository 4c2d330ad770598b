import { ToolError } from '#agent/tool.ts'

/** Characters of HTML that are made readable; the rest of a longer page is left out. */
const MAX_HTML = 2_000_000
/** Elements inside elements; deeper ones are left out, as the conversion calls itself. */
const MAX_DEPTH = 150
/** Pages nested deeper than this are not converted but stripped of their tags: the conversion takes quadratic time. */
const MAX_NESTING = 1_000
/** Tables of more rows are not aligned in columns, for the same reason. */
const MAX_ROWS = 1_000
const BINARY_PROBE = 8_000

const TEXT_TYPES = /^(?:text\/.+|application\/(?:.+\+)?(?:json|xml|yaml|x-yaml|toml|javascript|x-javascript|x-ndjson))$/
const HTML_TYPES = new Set(['text/html', 'application/xhtml+xml'])

export interface PageText {
  /** `text/html` and the like. */
  readonly type: string
  readonly text: string
}

/**
 * The text of an answer by its Content-Type: HTML as readable text unless `raw`, other text as it is. Throws a
 * ToolError for what is no text.
 */
export async function pageText(body: Buffer, contentType: string | undefined, raw: boolean): Promise<PageText> {
  const [type = '', ...parameters] = (contentType ?? 'text/plain').split(';').map((part) => part.trim())
  const name = type.toLowerCase()
  if (!TEXT_TYPES.test(name) && !HTML_TYPES.has(name)) throw new ToolError(`the page is ${name}, which is no text`)
  const isHtml = HTML_TYPES.has(name)
  const text = decode(body, charsetOf(parameters) ?? (isHtml ? charsetInHtml(body) : undefined))
  return { type: name, text: isHtml && !raw ? await readable(text) : text }
}

function charsetOf(parameters: readonly string[]): string | undefined {
  const found = parameters.find((one) => /^charset\s*=/i.test(one))
  return found?.replace(/^[^=]*=\s*/, '').replaceAll(/["']/g, '')
}

/** As browsers look for it: in the first 1024 bytes. */
function charsetInHtml(body: Buffer): string | undefined {
  return /<meta[^>]{0,200}?charset\s*=\s*["']?([\w-]+)/i.exec(body.toString('latin1', 0, 1_024))?.[1]
}

function decode(body: Buffer, charset: string | undefined): string {
  const mark =
    body[0] === 0xff && body[1] === 0xfe ? 'utf-16le' : body[0] === 0xfe && body[1] === 0xff ? 'utf-16be' : undefined
  const decoder = decoderOf(mark ?? charset ?? 'utf-8')
  if (!decoder.encoding.startsWith('utf-16') && body.subarray(0, BINARY_PROBE).includes(0)) {
    throw new ToolError('the page holds NUL bytes, so it is no text')
  }
  return decoder.decode(body)
}

function decoderOf(charset: string) {
  try {
    return new TextDecoder(charset)
  } catch {
    return new TextDecoder()
  }
}

const ALIGNED_TABLE = [{ selector: 'table', format: 'dataTable', options: { uppercaseHeaderCells: false } }]
const PLAIN_TABLE = [
  { selector: 'tr', format: 'block', options: { leadingLineBreaks: 1, trailingLineBreaks: 1 } },
  ...['td', 'th'].map((selector) => ({ selector, format: 'inlineSurround', options: { prefix: ' ', suffix: ' ' } })),
]

async function readable(html: string): Promise<string> {
  const begin = html.slice(0, MAX_HTML)
  if (isTooDeep(begin))
    return begin
      .replaceAll(/<[^<>]*>/g, ' ')
      .replaceAll(/\s+/g, ' ')
      .trim()
  const { convert } = await import('html-to-text')
  const rows = begin.match(/<tr\b/gi)?.length ?? 0
  const text = convert(begin, {
    wordwrap: false,
    limits: { maxDepth: MAX_DEPTH, ellipsis: '…' },
    selectors: [
      { selector: 'a', options: { ignoreHref: false, noAnchorUrl: true, hideLinkHrefIfSameAsText: true } },
      { selector: 'img', format: 'skip' },
      { selector: 'svg', format: 'skip' },
      { selector: 'template', format: 'skip' },
      { selector: 'noscript', format: 'skip' },
      ...['h1', 'h2', 'h3', 'h4', 'h5', 'h6'].map((selector) => ({ selector, options: { uppercase: false } })),
      ...(rows > MAX_ROWS ? PLAIN_TABLE : ALIGNED_TABLE),
    ],
  })
  return text.replaceAll(/\n{3,}/g, '\n\n').trim()
}

const NEVER_CLOSED = new Set(
  (
    'p li td th tr dt dd option optgroup thead tbody tfoot colgroup html head body ' +
    'area base br col embed hr img input link meta source track wbr'
  ).split(' '),
)

/** Counts tags that must be closed, which is near enough. */
function isTooDeep(html: string): boolean {
  let depth = 0
  for (const [, close, name = ''] of html.matchAll(/<(\/?)([a-z][a-z0-9]*)/gi)) {
    if (NEVER_CLOSED.has(name.toLowerCase())) continue
    depth = close === '/' ? Math.max(0, depth - 1) : depth + 1
    if (depth > MAX_NESTING) return true
  }
  return false
}
