import type { Conversation } from '#storage/contract/conversations.ts'
import type { CopyRun } from './copy.ts'
import { conversationText } from './domain-records.ts'
import { conversationLengths, loadConversation, loadConversations } from './load-conversations.ts'

/** Conversations, and characters of their messages, that are written in one step. */
const BATCH = 250
const BATCH_CHARACTERS = 2_000_000
/** Steps under way at once: the source is read meanwhile. */
const WRITING = 3

/** In the order of their ids, so that a copy which goes on sees at once what it has done. */
export async function copyConversations(run: CopyRun): Promise<void> {
  const { from, to, signal, tell } = run
  const [lengths, known] = await Promise.all([conversationLengths(from, tell), conversationLengths(to, () => {})])
  run.total('conversations', lengths.size)
  const writer = new BatchWriter(run)
  try {
    for await (const conversation of loadConversations(from, lengths, tell)) {
      signal.throwIfAborted()
      run.count('conversations', 'read')
      if (known.has(conversation.metadata.id)) await compare(run, conversation)
      else await writer.add(conversation)
    }
    await writer.flush()
  } finally {
    await writer.settled()
  }
}

async function compare(run: CopyRun, conversation: Conversation): Promise<void> {
  const { id } = conversation.metadata
  const stored = await loadConversation(run.to, id, () => {})
  if (stored && conversationText(stored) === conversationText(conversation)) run.count('conversations', 'skipped')
  else run.conflict('conversations', id)
}

/** Gathers conversations and writes them many at a time, without waiting for each step. */
class BatchWriter {
  readonly #run: CopyRun
  #batch: Conversation[] = []
  #characters = 0
  readonly #writing = new Set<Promise<void>>()
  #failed: { error: unknown } | undefined

  constructor(run: CopyRun) {
    this.#run = run
  }

  async add(conversation: Conversation): Promise<void> {
    this.#batch.push(conversation)
    this.#characters += charactersOf(conversation)
    if (this.#batch.length >= BATCH || this.#characters >= BATCH_CHARACTERS) await this.#begin()
  }

  async flush(): Promise<void> {
    await this.#begin()
    await this.settled()
    if (this.#failed) throw this.#failed.error
  }

  async settled(): Promise<void> {
    await Promise.all(this.#writing)
  }

  async #begin(): Promise<void> {
    const batch = this.#batch
    this.#batch = []
    this.#characters = 0
    while (this.#writing.size >= WRITING) await Promise.race(this.#writing)
    if (this.#failed) throw this.#failed.error
    const step = this.#write(batch)
      .catch((error: unknown) => {
        this.#failed ??= { error }
      })
      .finally(() => this.#writing.delete(step))
    this.#writing.add(step)
  }

  async #write(batch: readonly Conversation[]): Promise<void> {
    const { to, dryRun } = this.#run
    if (batch.length === 0) return
    const created = dryRun ? undefined : await to.conversations.createAll(batch)
    for (const conversation of batch) {
      if (!created || created.has(conversation.metadata.id)) this.#run.count('conversations', 'written')
      else await compare(this.#run, conversation)
    }
  }
}

/** Roughly: the text of the messages. */
function charactersOf({ entries }: Conversation): number {
  return entries.reduce((sum, { message }) => {
    const { content } = message
    return sum + 200 + (typeof content === 'string' ? content.length : 2_000)
  }, 0)
}
