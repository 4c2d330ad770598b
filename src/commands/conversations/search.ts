import { boolean, integer } from '@oclif/core/flags'
import { BaseCommand, jsonFlags, requiredArg } from '#command.ts'
import { type FoundText, findText } from '#commands/conversations/find-text.ts'
import { InferError } from '#errors.ts'
import { oneLine } from '#terminal/escapes.ts'
import { table } from '#terminal/table.ts'

/** How often somebody at a terminal is told how far a search has come, in ms. */
const PROGRESS_MS = 2_000

export default class ConversationsSearch extends BaseCommand {
  static override description =
    'Find conversations by words in their titles and messages, newest first. Upper and lower case are the same.'
  static override examples = [
    '<%= config.bin %> conversations search "connection refused"',
    '<%= config.bin %> conversations search deploy --limit 5 --json',
  ]
  static override args = {
    query: requiredArg('Words as they stand there, in this order.'),
  }
  static override flags = {
    ...jsonFlags,
    limit: integer({ default: 20, min: 1, description: 'Most conversations to show.' }),
    'include-hidden': boolean({ description: 'Search entries that are not part of the visible conversation too.' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ConversationsSearch)
    const query = args.query.trim()
    if (query === '') {
      throw new InferError('E_USAGE', 'there are no words to search for', { hint: 'infer conversations search WORDS' })
    }
    await this.withStores(async (stores) => {
      const found: FoundText[] = []
      const search = findText(stores.conversations, {
        query,
        includeHidden: flags['include-hidden'],
        warn: (sentence) => this.warning(sentence),
        onProgress: this.#progress(),
      })
      for await (const one of search) {
        found.push(one)
        if (found.length >= flags.limit) break
      }
      const rows = found.map((one) => [one.id, oneLine(one.title), one.role, one.snippet])
      this.printResult(flags, found, () =>
        found.length === 0
          ? 'No conversation has these words.'
          : table(['ID', 'TITLE', 'IN', 'TEXT'], rows, this.columns),
      )
    })
  }

  #progress(): (searched: number) => void {
    let next = performance.now() + PROGRESS_MS
    return (searched) => {
      if (process.stderr.isTTY !== true || performance.now() < next) return
      next = performance.now() + PROGRESS_MS
      this.note(`Searched ${searched} conversations …`)
    }
  }
}
