import { authoriseBy } from '#agent/approval.ts'
import { converse } from '#agent/converse.ts'
import { openSession } from '#agent/open-session.ts'
import { rollOverWhenDue } from '#agent/rollover.ts'
import type { AnyTool } from '#agent/tool.ts'
import { createTools, type ToolDependencies } from '#agent/tools/index.ts'
import { type ChatDependencies, ChatSession } from '#chat/chat-session.ts'
import { shellHistoryProvider } from '#chat/input/shell-history-provider.ts'
import type { ModelClient } from '#gateway/model.ts'
import type { Stores } from '#storage/contract/stores.ts'
import { headlessOptions, memoryStores } from '../agent/headless-options.ts'

export interface ChatParts {
  readonly chat: ChatSession
  readonly stores: Stores
}

const COMPACTION = {
  enabled: true,
  autoAt: 80,
  keepFirstMessages: 2,
  summaryMaxTokens: 100,
  rolloverOnIdleMinutes: 30,
}

/** A chat over a real loop and a real store; only the model is recorded. */
export async function openChat(
  client: ModelClient,
  {
    asked,
    tools = [],
    dependencies = {},
    stores = memoryStores(),
    ...more
  }: {
    asked?: string
    tools?: readonly AnyTool[]
    dependencies?: ToolDependencies
    stores?: Stores
  } & Partial<ChatDependencies> = {},
): Promise<ChatParts> {
  const options = headlessOptions({ stores, client })
  const signal = new AbortController().signal
  const chat = await ChatSession.open(asked, 'test/model', {
    open: (asked, model) => openSession({ ...options, asked, model, warn: () => {} }),
    expand: async (text) => text,
    run: (opened, turn) =>
      converse(opened, {
        ...options,
        ...turn,
        authorise: authoriseBy({ mode: turn.mode, behaviour: 'prompt', user: turn.approve }),
        tools: () => [
          ...tools,
          ...createTools(
            turn.mode,
            { requestPlanApproval: { plans: stores.plans, approver: turn.approve }, ...dependencies },
            {},
          ),
        ],
      }),
    rollOver: (opened, turn) => rollOverWhenDue(opened, { ...turn, client, now: options.now, settings: COMPACTION }),
    compact: async () => 'compacted',
    usage: ({ session }) => ({ ...session.spent, contextLeft: undefined }),
    runShell: async (command) => ({ output: `ran ${command}`, failed: false }),
    health: () => stores.health(),
    history: shellHistoryProvider(stores.shellHistory, 'here'),
    ...more,
  })
  signal.throwIfAborted()
  return { chat, stores }
}

/** What the transcript says, an item a line. */
export function linesOf({ chat }: Pick<ChatParts, 'chat'>): string[] {
  return chat.state.items.map((item) => {
    switch (item.kind) {
      case 'answer':
        return `answer: ${item.markdown}`
      case 'tool':
        return `tool ${item.end}: ${item.summary}`
      case 'shell':
        return `shell: ${item.command}: ${item.output}`
      default:
        return `${item.kind}: ${item.text}`
    }
  })
}
