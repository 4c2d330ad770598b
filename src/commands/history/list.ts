import { integer } from '@oclif/core/flags'
import { BaseCommand, jsonFlags } from '#command.ts'

export default class HistoryList extends BaseCommand {
  static override description = 'List the lines typed into the chat, oldest first.'
  static override examples = ['<%= config.bin %> history list --limit 20']
  static override flags = {
    ...jsonFlags,
    limit: integer({ default: 0, min: 0, description: 'Only the newest; 0 means all.' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(HistoryList)
    await this.withStores(async ({ shellHistory }) => {
      const commands = await shellHistory.load(flags.limit)
      this.printResult(flags, commands, () => commands.join('\n'))
    })
  }
}
