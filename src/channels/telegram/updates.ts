import type { Update } from 'grammy/types'
import type { Incoming } from '#channels/channel.ts'

/** What an update means to us: something to handle, somebody who may not talk to the bot, or nothing. */
export type Meaning =
  | { readonly kind: 'incoming'; readonly incoming: Incoming }
  | { readonly kind: 'stranger'; readonly reason: string }
  | { readonly kind: 'nothing' }

const NOTHING: Meaning = { kind: 'nothing' }

/** Only private chats with users of the list count. */
export function meaningOf(update: Update, allows: (user: string) => boolean): Meaning {
  const { message, callback_query: pressed } = update
  const chat = message?.chat ?? pressed?.message?.chat
  const from = message?.from ?? pressed?.from
  if (from === undefined || chat === undefined || from.is_bot) return NOTHING
  const sender = String(from.id)
  if (chat.type !== 'private') return { kind: 'stranger', reason: `a ${chat.type} chat is not served (user ${sender})` }
  if (!allows(sender)) return { kind: 'stranger', reason: `user ${sender} is not in telegram.allowed_users` }
  const id = String(update.update_id)
  if (pressed !== undefined) {
    const [, answer, approval = ''] = /^([yn]):([\w-]{1,32})$/.exec(pressed.data ?? '') ?? []
    const shown = String(pressed.message?.message_id ?? '')
    const body = { kind: 'button' as const, approval, approved: answer === 'y', query: pressed.id, message: shown }
    return { kind: 'incoming', incoming: { id, sender, body } }
  }
  const text = message?.text
  if (text !== undefined)
    return { kind: 'incoming', incoming: { id, sender, body: { kind: 'text', text: clean(text) } } }
  return isContent(message) ? { kind: 'incoming', incoming: { id, sender, body: { kind: 'other' } } } : NOTHING
}

/** What every store takes. */
function clean(text: string): string {
  return text.toWellFormed().replaceAll('\0', '')
}

const CONTENT = [
  'photo',
  'document',
  'voice',
  'audio',
  'video',
  'video_note',
  'sticker',
  'animation',
  'location',
  'contact',
]

/** Whether it is something that was said, not a notice such as a pinned message. */
function isContent(message: Update['message']): boolean {
  return message !== undefined && CONTENT.some((name) => name in message)
}
