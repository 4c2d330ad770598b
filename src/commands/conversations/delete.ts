import { boolean } from '@oclif/core/flags'
import { BaseCommand, jsonFlags, requiredArg } from '#command.ts'
import { findConversation } from '#commands/conversations/find-conversation.ts'

export default class ConversationsDelete extends BaseCommand {
  static override description = 'Delete conversations.'
  static override examples = ['<%= config.bin %> conversations delete 17c28fd7 -y']
  static override strict = false
  static override args = { session: requiredArg('Ids, or unique beginnings of them.') }
  static override flags = { ...jsonFlags, yes: boolean({ char: 'y', description: 'Do not ask.' }) }

  async run(): Promise<void> {
    const { argv, flags } = await this.parse(ConversationsDelete)
    await this.withStores(async (stores) => {
      const wanted = new Set<string>()
      for (const argument of argv) wanted.add(await findConversation(stores, String(argument)))
      const found = [...wanted]
      await this.confirm(`Delete ${found.join(', ')}?`, flags.yes)
      for (const id of found) await stores.conversations.delete(id)
      this.printResult(flags, { deleted: found }, () => `Deleted ${found.join(', ')}.`)
    })
  }
}
