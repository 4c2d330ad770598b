import type { AgentLine, ApprovalResponseLine } from '#agent/protocol.ts'

/** `infer agent` at work on one message. */
export interface AgentProcess {
  /** What it prints; ends when it has ended. */
  readonly lines: AsyncIterable<AgentLine>
  /** Answers a request for approval; lost when the agent has ended. */
  respond(line: ApprovalResponseLine): void
  /** Asks it to end, and ends it and what it has started some seconds later. */
  stop(): void
  /** Never rejects. */
  readonly ended: Promise<AgentEnd>
}

export interface AgentEnd {
  /** Whether it ended by itself with exit code 0. */
  readonly ok: boolean
  /** Why it did not, such as `it ended with signal SIGKILL`. */
  readonly how: string
}

/** Starts an agent on a task in the session of that key. */
export type StartAgent = (sessionKey: string, task: string) => AgentProcess
