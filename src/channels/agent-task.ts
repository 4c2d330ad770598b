import type { ApprovalRequestLine } from '#agent/protocol.ts'
import type { AgentProcess } from './agent-process.ts'
import type { Decision } from './approvals.ts'

/** How a task ended: with something to tell, or by force before it had. */
export type TaskEnd =
  | { readonly kind: 'told'; readonly text: string /** To another conversation. */; readonly movedOn: boolean }
  | { readonly kind: 'aborted' }

export interface AgentTaskOptions {
  /** Asks the person about a call; rejects when nobody can be asked any more, which ends the agent. */
  readonly ask: (request: ApprovalRequestLine, signal: AbortSignal) => Promise<Decision>
  /** Ends the agent. */
  readonly signal: AbortSignal
}

/** Waits for an agent, has its approvals decided, and finds what to answer: its last words, or why there are none. */
export async function finishTask(agent: AgentProcess, { ask, signal }: AgentTaskOptions): Promise<TaskEnd> {
  const ending = new AbortController()
  const stop = () => agent.stop()
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  const decide = async (request: ApprovalRequestLine) => {
    const { tool_call_id } = request
    try {
      const decision = await ask(request, AbortSignal.any([signal, ending.signal]))
      agent.respond({ type: 'approval_response', tool_call_id, ...decision })
    } catch {
      abandoned = true
      stop()
    }
  }
  let abandoned = false
  const decisions: Promise<void>[] = []
  let words = ''
  let failure: string | undefined
  let warning = ''
  let completed = false
  let movedOn = false
  for await (const line of agent.lines) {
    if ('role' in line) {
      if (line.role === 'assistant' && line.content.trim() !== '') words = line.content
    } else if (line.type === 'approval_request') decisions.push(decide(line))
    else if (line.type === 'agent_error')
      failure = asSentence(line.message) + (line.hint === undefined ? '' : ` ${asSentence(line.hint)}`)
    else if (line.type === 'warning') warning = asSentence(line.message)
    else if (line.type === 'session_stats') completed = true
    else if (line.type === 'info' && line.new_session_id !== undefined) movedOn = true
  }
  const { ok, how } = await agent.ended
  ending.abort()
  await Promise.all(decisions)
  signal.removeEventListener('abort', stop)
  if (ok && completed && failure === undefined) {
    return { kind: 'told', text: words || `The agent ended without an answer. ${warning}`.trim(), movedOn }
  }
  if (signal.aborted || abandoned) return { kind: 'aborted' }
  return { kind: 'told', text: `The agent failed: ${failure ?? asSentence(how)}`, movedOn }
}

function asSentence(text: string): string {
  return /[.!?…]$/.test(text) ? text : `${text}.`
}
