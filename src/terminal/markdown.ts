import { stripVTControlCharacters } from 'node:util'
import type { Marked as Parser } from 'marked'
import { visible } from './escapes.ts'

export interface MarkdownOptions {
  /** Width in cells. */
  readonly columns: number
  /** Without it the structure stays and the styling goes. */
  readonly colour: boolean
}

/** Renders markdown for a terminal; the result ends without a newline. */
export type MarkdownRenderer = (markdown: string, options: MarkdownOptions) => string

const same = (text: string) => text
/** Parts that nest and need no style: one of each level around all deeper ones doubles the text with every level. */
const UNSTYLED = { listitem: same, paragraph: same }

/** Loads what rendering takes (some 70 ms), for those who render often. */
export async function markdownRenderer(): Promise<MarkdownRenderer> {
  const [{ Marked }, { markedTerminal }, { default: chalk }] = await Promise.all([
    import('marked'),
    import('marked-terminal'),
    import('chalk'),
  ])
  const made = new Map<number, Parser>()
  const forWidth = (columns: number) => {
    const known = made.get(columns)
    if (known) return known
    const marked = new Marked()
    marked.use(markedTerminal({ ...UNSTYLED, width: columns, reflowText: true, tab: 2 }) as never)
    // marked-terminal prints the text of a list item as it was written, marks included.
    marked.use({
      renderer: {
        text: function (token) {
          return 'tokens' in token && token.tokens ? this.parser.parseInline(token.tokens) : false
        },
      },
    })
    made.set(columns, marked)
    return marked
  }
  return (markdown, { columns, colour }) => {
    // marked-terminal styles through it, and left to itself it looks at CI and at the terminals that it knows.
    chalk.level = colour ? 1 : 0
    const rendered = String(forWidth(columns).parse(visible(markdown))).trimEnd()
    return colour ? rendered : stripVTControlCharacters(rendered)
  }
}

/** Renders one text; see `markdownRenderer`. */
export async function renderMarkdown(markdown: string, options: MarkdownOptions): Promise<string> {
  return (await markdownRenderer())(markdown, options)
}
