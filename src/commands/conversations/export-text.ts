import { conversationView } from '#commands/conversation-view.ts'
import type { Conversation } from '#storage/contract/conversations.ts'
import { jsonText } from '#terminal/escapes.ts'
import { conversationMarkdown } from './markdown.ts'

export interface ExportForm {
  readonly format: 'markdown' | 'json'
  /** Whether entries that are not part of the visible conversation are written too. */
  readonly includeHidden: boolean
}

/** A conversation as it is exported, a newline at its end. */
export function exportText(conversation: Conversation, { format, includeHidden }: ExportForm): string {
  const { metadata } = conversation
  const entries = conversation.entries.filter((entry) => includeHidden || entry.hidden !== true)
  if (format === 'markdown') return conversationMarkdown({ metadata, entries })
  return `${jsonText({ metadata: conversationView(metadata), entries })}\n`
}
