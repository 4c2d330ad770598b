import { boolean } from '@oclif/core/flags'
import { BaseCommand, jsonFlags, requiredArg } from '#command.ts'
import { conversationView } from '#commands/conversation-view.ts'
import { loadConversation } from '#commands/conversations/find-conversation.ts'
import type { ConversationEntry } from '#storage/contract/conversations.ts'
import { style } from '#terminal/style.ts'

export default class ConversationsShow extends BaseCommand {
  static override description = 'Show one conversation. What could not be read of it is said on stderr.'
  static override examples = [
    '<%= config.bin %> conversations show 17c28fd7',
    '<%= config.bin %> conversations show channel-telegram-123 --json',
  ]
  static override args = {
    session: requiredArg('Id, unique beginning of it, or session group key.'),
  }
  static override flags = {
    ...jsonFlags,
    'include-hidden': boolean({ description: 'Show entries that are not part of the visible conversation too.' }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(ConversationsShow)
    await this.withStores(async (stores) => {
      const { metadata, entries, damage } = await loadConversation(stores, args.session)
      for (const sentence of damage) this.warning(sentence)
      const shown = entries.filter((entry) => flags['include-hidden'] || entry.hidden !== true)
      if (flags.json || flags.format !== undefined) {
        this.printResult(flags, { metadata: conversationView(metadata), entries: shown }, () => '')
      } else {
        const title = this.shown(metadata.title || metadata.id)
        this.print([`${title}\n`, ...shown.map((entry) => this.#entry(entry))].join('\n'))
      }
    })
  }

  #entry({ message }: ConversationEntry): string {
    const role = this.shown(String(message.role ?? ''))
    const content = message.content
    const text = typeof content === 'string' ? content : JSON.stringify(content ?? '')
    const calls = Array.isArray(message.tool_calls) ? message.tool_calls.map(callLine) : []
    const lines = [text, ...calls].filter((line) => line !== '').map((line) => this.shown(line))
    return `${style(this.colour, 'bold', `${role}:`)}\n${lines.join('\n')}\n`
  }
}

function callLine(call: unknown): string {
  const { function: called } = call as { function?: { name?: string; arguments?: string } }
  return `-> ${called?.name ?? 'tool'} ${called?.arguments ?? ''}`
}
