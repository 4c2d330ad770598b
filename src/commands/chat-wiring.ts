import { bashEnvironment } from '#agent/bash/bash-environment.ts'
import { runShell } from '#agent/bash/run-shell.ts'
import { compactSession } from '#agent/compaction.ts'
import { contextWindowOf } from '#agent/context-size.ts'
import { converse } from '#agent/converse.ts'
import { openSession } from '#agent/open-session.ts'
import { rollOverWhenDue } from '#agent/rollover.ts'
import { taskText } from '#agent/task-text.ts'
import type { AskUser } from '#agent/tools/ask-user-question.ts'
import type { ChatDependencies, Turn } from '#chat/chat-session.ts'
import { shellHistoryProvider } from '#chat/input/shell-history-provider.ts'
import { type AgentSurroundings, STORE_FOR_MS, sandboxOf, wireAgent } from '#commands/agent-setup.ts'
import type { GatewayConnection } from '#gateway/connect.ts'

/** A command of the person's own may take its time; esc ends it. */
const SHELL_MS = 24 * 60 * 60 * 1_000

export interface ChatWiring {
  readonly around: AgentSurroundings
  readonly gateway: GatewayConnection
  readonly historyFile: string
  readonly signal: AbortSignal
  readonly warn: (message: string) => void
}

/** How long leaving the chat waits for a title that is being made, in ms. */
const TITLE_MS = 1_000

/** What a chat needs, over the stores and the gateway; `settle` before the stores are closed. */
export function chatDependencies(wiring: ChatWiring): ChatDependencies & { settle(): Promise<void> } {
  const { around, gateway, signal, warn } = wiring
  const { settings, stores, cwd } = around
  const windows = new Map<string, number>()
  const { titles, ...base } = wireAgent(around, { mode: 'standard' })
  return {
    open: async (asked, model) => {
      contextWindowOf(gateway.client, model, signal).then((size) => windows.set(model, size), noWindow)
      return await openSession({ ...base, asked, model, save: true, retryForMs: STORE_FOR_MS, signal, warn })
    },
    expand: async (text, tell) =>
      around.redact(await taskText(text, { cwd, sandbox: sandboxOf(around), files: [], warn: tell })),
    async run(opened, turn) {
      const wired = wireAgent(around, { mode: turn.mode, user: turn.approve, ask: asker(turn) })
      await converse(opened, {
        ...wired,
        titles,
        client: gateway.client,
        model: turn.model,
        signal: AbortSignal.any([turn.signal, signal]),
        onEvent: turn.onEvent,
      })
    },
    rollOver: (opened, turn) =>
      rollOverWhenDue(opened, { ...turn, client: gateway.client, settings: settings.compact, now: base.now }),
    async compact({ session }, model, stop) {
      const options = { client: gateway.client, model, signal: stop, settings: settings.compact, now: base.now }
      const done = await compactSession(session, options)
      return done === undefined
        ? 'There is nothing yet that a summary would shorten.'
        : `${done.summarised} messages became a summary.`
    },
    usage({ session }, model) {
      const size = windows.get(model)
      const left = size === undefined ? undefined : Math.round(100 - (100 * session.contextTokens) / size)
      return { ...session.spent, contextLeft: left === undefined ? undefined : Math.max(0, left) }
    },
    async runShell(command, stop) {
      const env = bashEnvironment(around.env, around.hiddenVariables)
      const { output, exitCode } = await runShell(command, { cwd, env, timeoutMs: SHELL_MS, signal: stop })
      stop.throwIfAborted()
      return { output: around.redact(output), failed: exitCode !== 0 }
    },
    health: () => stores.health(),
    history: shellHistoryProvider(stores.shellHistory, wiring.historyFile),
    settle: () => titles.settle(TITLE_MS, stores.conversations, new Date()),
  }
}

const noWindow = () => undefined

/** Puts the questions of a tool one after the other; an empty answer passes one over. */
function asker({ choose }: Turn): AskUser {
  return async (questions, signal) => {
    const answers: string[][] = []
    for (const { question: text, options, multiSelect: several } of questions) {
      const labels = options.map(({ label, description }) => (description ? `${label}: ${description}` : label))
      const answer = (await choose({ text, options: labels, several }, signal)).trim()
      const picked = options[labels.indexOf(answer)]
      answers.push(picked ? [picked.label] : written(answer, options, several))
    }
    return answers
  }
}

/** What was typed: numbers of options stand for them, anything else for itself. */
function written(answer: string, options: readonly { readonly label: string }[], several: boolean): string[] {
  if (answer === '') return []
  const labels = answer
    .split(several ? /[\s,]+/ : /$^/)
    .map((part) => NUMBER.test(part) && options[Number(part) - 1]?.label)
  return labels.every((label) => typeof label === 'string') ? [...new Set(labels)] : [answer]
}

const NUMBER = /^[1-9]$/
