import { formatOffset } from '#cron/index.ts'
import type { Mode } from './tool.ts'
import { zoneName } from './zone-name.ts'

/** Texts of `prompts.yaml`; an empty one means the built-in one. */
export interface PromptTexts {
  readonly systemPrompt: string
  readonly systemPromptPlan: string
  readonly systemPromptAuto: string
  /** For sessions that come from a channel. */
  readonly systemPromptRemote: string
  /** Added to every system prompt. */
  readonly customInstructions: string
}

export interface SystemPromptOptions {
  readonly mode: Mode
  /** The session belongs to a channel: nobody sits at this machine. */
  readonly remote: boolean
  readonly prompts: PromptTexts
  readonly now: Date
  readonly cwd: string
  readonly platform: string
  readonly branch: string | undefined
  readonly agentsMd: string | undefined
  /** What the run should know about itself, such as that it was started by a schedule. */
  readonly circumstances?: string
}

const BASE = `You are infer, an AI agent that works at the command line for the person who started you.

- Do what was asked, and nothing beyond it. Look before you answer: read files instead of guessing what they hold.
- Use the tools for everything that concerns this machine. Independent calls belong in the same turn; they run in parallel.
- When a call is blocked or refused, do not try to reach the same end in another way: say what is missing.
- Answer briefly, in the language of the question, in markdown that also reads well as plain text.`

const RULES: Readonly<Record<Mode, string>> = {
  standard:
    'Mode: standard. Some tools need the approval of the user, who may refuse; a refusal with words is an instruction.',
  plan:
    'Mode: plan. Change nothing. Find out what has to be done, then call RequestPlanApproval once with a plan that ' +
    'somebody else could carry out: goal, steps, files, and how it will be checked. The plan is your answer.',
  auto: 'Mode: auto. Tools run without being approved, so act with care: nobody looks before something happens.',
}

const REMOTE = 'The user writes from a chat and sees only your answers: keep them short and self-contained.'

/** The first message of every request; made anew for each run, never stored. */
export function systemPrompt(options: SystemPromptOptions): string {
  const { mode, remote, prompts, agentsMd, circumstances } = options
  const parts = [
    instructions(mode, remote, prompts),
    RULES[mode],
    circumstances ?? '',
    surroundings(options),
    prompts.customInstructions,
    agentsMd === undefined ? '' : `From AGENTS.md in the working directory:\n\n${agentsMd.trim()}`,
  ]
  return parts
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .join('\n\n')
}

function instructions(mode: Mode, remote: boolean, prompts: PromptTexts): string {
  const general = prompts.systemPrompt || BASE
  const own = { standard: '', plan: prompts.systemPromptPlan, auto: prompts.systemPromptAuto }[mode]
  if (!remote) return own || general
  return prompts.systemPromptRemote || `${own || general}\n\n${REMOTE}`
}

function surroundings({ now, cwd, platform, branch }: SystemPromptOptions): string {
  return [
    `Time: ${localTime(now)}`,
    `Directory: ${cwd}`,
    `Platform: ${platform}`,
    ...(branch === undefined ? [] : [`Git branch: ${branch}`]),
  ].join('\n')
}

/** Such as `Monday, 2026-11-23 20:38:46+01:00 (Europe/Berlin)`. */
function localTime(now: Date): string {
  const offset = -now.getTimezoneOffset() * 60_000
  const local = new Date(now.getTime() + offset)
  const day = DAYS[local.getUTCDay()]
  return `${day}, ${local.toISOString().slice(0, 19).replace('T', ' ')}${formatOffset(offset)} (${zoneName()})`
}

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
