/**
 * Cuts markdown into blocks while it streams in, so that what is finished is rendered once and only the open block again
 * and again. A cut is a blank line outside of a code fence and not within a list; the blocks joined are the text.
 */
export class MarkdownBlocks {
  #open = ''
  /** Start of the line that is looked at next. */
  #line = 0
  /** The fence that is open, such as three backticks. */
  #fence = ''
  /** Where the block could end: behind the last blank line outside of a fence; 0 when there is none. */
  #cut = 0

  /** The block that is not finished. */
  get open(): string {
    return this.#open
  }

  /** Takes a fragment, and returns the blocks that it finished. */
  push(fragment: string): string[] {
    this.#open += fragment
    const blocks: string[] = []
    for (let end = this.#lineEnd(); end !== -1; end = this.#lineEnd()) {
      const line = this.#open.slice(this.#line, end)
      if (this.#cut > 0 && line.trim() !== '') {
        if (!this.#continues(line)) {
          blocks.push(this.#take(this.#cut))
          end = this.#lineEnd()
          if (end === -1) break
        }
        this.#cut = 0
      }
      this.#look(line, end + 1)
    }
    return blocks
  }

  /** What is left at the end, '' for nothing. */
  finish(): string {
    const rest = this.#open
    this.#open = ''
    this.#line = 0
    this.#cut = 0
    this.#fence = ''
    return rest
  }

  #lineEnd(): number {
    return this.#open.indexOf('\n', this.#line)
  }

  #look(line: string, next: number): void {
    const [, marks = ''] = /^ {0,3}(`{3,}|~{3,})/.exec(line) ?? []
    if (this.#fence !== '') {
      const closes = marks.startsWith(this.#fence) && line.trim() === marks
      if (closes) this.#fence = ''
    } else if (marks !== '') this.#fence = marks
    else if (line.trim() === '' && this.#open.slice(0, this.#line).trim() !== '') this.#cut = next
    this.#line = next
  }

  /** Whether the line goes on with the list that the block is. */
  #continues(line: string): boolean {
    return LIST.test(this.#open) && (/^\s/.test(line) || LIST.test(line))
  }

  #take(length: number): string {
    const block = this.#open.slice(0, length)
    this.#open = this.#open.slice(length)
    this.#line = 0
    this.#cut = 0
    return block
  }
}

const LIST = /^\s*(?:[-*+]|\d{1,9}[.)])\s/
