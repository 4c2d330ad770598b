import { text } from 'node:stream/consumers'
import { converse } from '#agent/converse.ts'
import type { LoopEvent } from '#agent/loop.ts'
import { openSession } from '#agent/open-session.ts'
import { summariseCall } from '#agent/protocol.ts'
import { taskText } from '#agent/task-text.ts'
import { type AgentSurroundings, STORE_FOR_MS, sandboxOf, wireAgent } from '#commands/agent-setup.ts'
import { InferError } from '#errors.ts'
import { chooseModel } from '#gateway/choose-model.ts'
import type { GatewayConnection } from '#gateway/connect.ts'

/** How long the end waits for a title that is being made, in ms. */
const TITLE_MS = 1_000

export interface PipedChat {
  readonly around: AgentSurroundings
  readonly gateway: GatewayConnection
  readonly asked: { readonly model: string | undefined; readonly sessionId: string | undefined }
  readonly signal: AbortSignal
  readonly warn: (message: string) => void
  /** One line for people on stderr. */
  readonly note: (line: string) => void
}

/** The text of stdin as one message, its answer streamed to stdout as it is. Fails as `infer agent` does. */
export async function pipedChat({ around, gateway, asked, signal, warn, note }: PipedChat): Promise<void> {
  const { settings, stores, cwd } = around
  const message = (await text(process.stdin)).replace(/\n$/, '')
  if (message.trim() === '') {
    throw new InferError('E_USAGE', 'There is no message on stdin.', { hint: 'echo "MESSAGE" | infer chat' })
  }
  const model = await chooseModel({ ...gateway, flag: asked.model, configured: settings.agent.model, signal })
  const wired = wireAgent(around, { mode: 'standard' })
  const options = { ...wired, model, signal, warn, client: gateway.client }
  const opened = await openSession({ ...options, asked: asked.sessionId, save: true, retryForMs: STORE_FOR_MS })
  const task = await taskText(message, { cwd, sandbox: sandboxOf(around), files: [], warn })
  await opened.session.addUser(around.redact(task))
  await converse(opened, { ...options, onEvent: (event) => show(event, { warn, note }) })
  await wired.titles.settle(TITLE_MS, stores.conversations, new Date())
}

function show(event: LoopEvent, { warn, note }: Pick<PipedChat, 'warn' | 'note'>): void {
  switch (event.type) {
    case 'text':
      process.stdout.write(event.text)
      break
    case 'assistant':
      if (event.message.content !== '') process.stdout.write('\n')
      for (const call of event.message.tool_calls ?? []) note(`> ${summariseCall(call)}`)
      break
    case 'tool':
      if (event.outcome.kind !== 'result') note(`  ${event.content}`)
      break
    case 'reset':
      process.stdout.write('\n')
      note('The answer broke off and comes again from its start.')
      break
    case 'retry':
      warn(`${event.reason} Attempt ${event.attempt} of ${event.maxAttempts} follows.`)
      break
    case 'warning':
      warn(event.message)
      break
    case 'compacted':
      note(`${event.summarised} messages became a summary.`)
      break
    case 'rolled_over':
      note(`Rolled over from session ${event.previousSessionId} to ${event.newSessionId}.`)
      break
    case 'end':
      if (event.reason === 'tool') process.stdout.write(`${event.text}\n`)
      break
    case 'reasoning':
  }
}
