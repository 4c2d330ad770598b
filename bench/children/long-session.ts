import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { authoriseBy } from '#agent/approval.ts'
import { converse } from '#agent/converse.ts'
import { openSession } from '#agent/open-session.ts'
import type { AnyTool } from '#agent/tool.ts'
import type { ModelClient, ModelEvent } from '#gateway/model.ts'
import { received, tell } from '../child.ts'
import { median } from '../measure.ts'
import { openPlace, type PlaceOptions } from '../places.ts'

/** Some 2,000 characters a turn: the context of 32,000 tokens fills every 50 turns. */
const RESULT = 'A line of a file that the agent has read, some forty characters.\n'.repeat(30)
const WINDOW = 32_000

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const { options, turns } = await received<{ options: PlaceOptions['jsonl']; turns: number }>()
await using stores = await openPlace(options)
const heap: number[] = []
let asked = 0
let compactions = 0

const client: ModelClient = {
  async *stream({ purpose }): AsyncGenerator<ModelEvent> {
    if (purpose !== undefined) {
      yield { type: 'content', text: 'What was said before, in short. '.repeat(20) }
      return yield { type: 'finish', reason: 'stop' }
    }
    asked += 1
    yield { type: 'tool_call', id: `call_${asked}`, name: 'Read', arguments: '{"file_path":"a.txt"}' }
    yield { type: 'finish', reason: 'tool_calls' }
  },
  listModels: async () => ['mock/model'],
  contextWindow: async () => WINDOW,
}
const tool: AnyTool = {
  name: 'Read',
  description: 'reads',
  parameters: {},
  parse: (args) => args,
  needsApproval: () => false,
  run: async () => ({ data: RESULT }),
}
const { signal } = new AbortController()
const now = () => new Date()
const opened = await openSession({
  conversations: stores.conversations,
  sessionGroups: stores.sessionGroups,
  asked: undefined,
  save: true,
  model: 'mock/model',
  prices: { currency: 'USD', perMillion: {} },
  now,
  retryForMs: 0,
  signal,
  warn: () => {},
})
await opened.session.addUser('read on and on')
await converse(opened, {
  client,
  model: 'mock/model',
  signal,
  tools: () => [tool],
  systemPrompt: async () => 'system',
  authorise: authoriseBy({ mode: 'auto', behaviour: 'prompt' }),
  limits: { maxTurns: turns, maxTokens: 100, maxConcurrentTools: 5 },
  compaction: { enabled: true, autoAt: 80, keepFirstMessages: 2, summaryMaxTokens: 1024, rolloverOnIdleMinutes: 0 },
  now,
  onEvent: (event) => {
    if (event.type === 'compacted') compactions += 1
    if (event.type !== 'tool' || asked % 10 !== 0) return
    collect()
    heap.push(process.memoryUsage().heapUsed)
  },
})
tell({ early: median(heap.slice(5, 15)), late: median(heap.slice(-10)), compactions })
process.disconnect?.()
