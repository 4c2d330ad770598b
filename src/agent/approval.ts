import type { ToolCall } from '#gateway/model.ts'
import type { AnyTool, Mode } from './tool.ts'

/** A call about which somebody has to decide. */
export interface ApprovalQuestion {
  readonly call: ToolCall
  /** What it amounts to, where the arguments alone do not say it. */
  readonly description: string | undefined
}

export interface Decision {
  readonly approved: boolean
  /** What the person said, for the model. */
  readonly feedback?: string
}

/** Asks a person; rejects when the signal is aborted. The answer belongs to this question and to no other. */
export type Approver = (question: ApprovalQuestion, signal: AbortSignal) => Promise<Decision>

/** `tools.safety.approval_behaviour`. */
export type ApprovalBehaviour = 'prompt' | 'ipc' | 'block'

export interface ApprovalRules {
  readonly mode: Mode
  readonly behaviour: ApprovalBehaviour
  /** The person at the chat, if there is one. */
  readonly user?: Approver | undefined
  /** The program at the other end of the pipes, with `--require-approval`. */
  readonly pipes?: Approver | undefined
}

export interface CallToAuthorise extends ApprovalQuestion {
  readonly tool: AnyTool
  /** As `tool.parse` made them. */
  readonly args: unknown
}

export type Verdict =
  | { readonly kind: 'allowed' }
  | { readonly kind: 'rejected'; readonly feedback?: string }
  | { readonly kind: 'blocked'; readonly reason: string }

export type Authorise = (call: CallToAuthorise, signal: AbortSignal) => Promise<Verdict>

/** Who is asked under these rules; undefined when nobody can be. */
export function approverOf({ behaviour, user, pipes }: ApprovalRules): Approver | undefined {
  switch (behaviour) {
    case 'prompt':
      return user ?? pipes
    case 'ipc':
      return pipes
    case 'block':
      return undefined
  }
}

/**
 * Decides about calls by mode: what a tool blocks stays blocked; in `auto` and `plan` nothing is asked (plan has no tool
 * that changes anything), in `standard` a call that needs approval is asked for, or blocked when nobody can be asked.
 */
export function authoriseBy(rules: ApprovalRules): Authorise {
  const approver = approverOf(rules)
  return async ({ call, tool, args, description }, signal) => {
    const reason = await tool.blocks?.(args)
    if (reason !== undefined) return { kind: 'blocked', reason }
    if (rules.mode !== 'standard' || !(await tool.needsApproval(args))) return { kind: 'allowed' }
    if (approver === undefined) return { kind: 'blocked', reason: blockedReason(tool, rules) }
    const { approved, feedback } = await approver({ call, description }, signal)
    if (approved) return { kind: 'allowed' }
    return { kind: 'rejected', ...(feedback === undefined ? {} : { feedback }) }
  }
}

function blockedReason(tool: AnyTool, { behaviour }: ApprovalRules): string {
  const why = behaviour === 'block' ? 'tools.safety.approval_behaviour is block' : 'nobody can be asked here'
  const advice = tool.approvalAdvice ?? `set ${tool.approvalKey ?? 'tools.safety.require_approval'} to false`
  return `${tool.name} needs approval and ${why}. To allow it, run with --mode auto or ${advice}.`
}
