import { integer } from '@oclif/core/flags'
import { BaseCommand, jsonFlags } from '#command.ts'
import { conversationView } from '#commands/conversation-view.ts'
import { relative } from '#terminal/time.ts'

export default class ConversationsList extends BaseCommand {
  static override description = 'List conversations, newest first. Those that cannot be read are named on stderr.'
  static override examples = [
    '<%= config.bin %> conversations list --limit 5',
    '<%= config.bin %> conversations list --json',
  ]
  static override flags = {
    ...jsonFlags,
    limit: integer({ default: 20, min: 0, description: 'How many; 0 means all.' }),
    offset: integer({ default: 0, min: 0, description: 'How many to pass over.' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(ConversationsList)
    await this.withStores(async (stores) => {
      const { conversations, unreadable } = await stores.conversations.list({
        limit: flags.limit,
        offset: flags.offset,
      })
      for (const { id, error } of unreadable) this.warning(`conversation ${id} cannot be read: ${error.message}`)
      const { table } = await import('#terminal/table.ts')
      const now = new Date()
      this.printResult(flags, conversations.map(conversationView), () =>
        conversations.length === 0
          ? 'No conversations. Begin one: infer chat, or infer agent "say hello"'
          : table(
              ['id', 'title', 'updated', 'messages', 'model'],
              conversations.map((one) => [
                one.id,
                one.title,
                relative(one.updatedAt, now),
                String(one.messageCount),
                one.model,
              ]),
              this.columns,
            ),
      )
    })
  }
}
