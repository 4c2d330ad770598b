import { join } from 'node:path'
import type { ApprovalRules, Approver } from '#agent/approval.ts'
import { approverOf, authoriseBy } from '#agent/approval.ts'
import type { HeadlessOptions } from '#agent/headless.ts'
import type { ChannelOrigin } from '#agent/open-session.ts'
import type { Prices } from '#agent/pricing.ts'
import { type Redact, redactor } from '#agent/redact.ts'
import { gitBranch, readAgentsMd } from '#agent/surroundings.ts'
import { systemPrompt } from '#agent/system-prompt.ts'
import { Titles } from '#agent/titles.ts'
import type { AnyTool, Mode } from '#agent/tool.ts'
import type { AskUser } from '#agent/tools/ask-user-question.ts'
import { createTools, type ToolDependencies } from '#agent/tools/index.ts'
import { Sandbox } from '#agent/tools/sandbox.ts'
import { TodoList } from '#agent/tools/todo-write.ts'
import { networkStorage } from '#commands/network-storage.ts'
import { runNow } from '#commands/run-now.ts'
import { secretValues } from '#commands/secret-values.ts'
import type { LoadedSettings } from '#config/load.ts'
import { resolvePath } from '#config/paths.ts'
import { loadPrompts, type PromptSettings } from '#config/prompts.ts'
import type { Settings } from '#config/schema.ts'
import { machineZone } from '#cron/index.ts'
import { connectGateway, type GatewayConnection } from '#gateway/connect.ts'
import type { Stores } from '#storage/contract/stores.ts'
import type { StorageOptions } from '#storage/options.ts'

/** How long a message is tried to be stored, in ms, while the store does not answer and a person waits. */
export const STORE_FOR_MS = 10_000

/** What `infer agent` and `infer chat` have in hand once everything is loaded. */
export interface AgentSurroundings {
  readonly settings: Settings
  readonly prompts: PromptSettings
  readonly stores: Stores
  readonly storage: StorageOptions
  readonly cwd: string
  readonly home: string
  /** Of this process, all of it. */
  readonly env: NodeJS.ProcessEnv
  /** Variables that the configuration substitutes: commands of the agent do not see them. */
  readonly hiddenVariables: ReadonlySet<string>
  /** Takes the secrets of the configuration out of a text. */
  readonly redact: Redact
}

/** Reads the prompts and the secrets to what a command has already. */
export async function agentSurroundings({
  loaded,
  warn,
  ...rest
}: Pick<AgentSurroundings, 'stores' | 'storage' | 'cwd' | 'home' | 'env'> & {
  loaded: Pick<LoadedSettings, 'settings' | 'substitutedVariables'>
  warn: (message: string) => void
}): Promise<AgentSurroundings> {
  const { settings, substitutedVariables: hiddenVariables } = loaded
  const { prompts, warnings } = await loadPrompts(rest)
  for (const warning of warnings) warn(warning)
  const shaky = await networkStorage(rest.storage)
  if (shaky !== undefined) warn(shaky)
  return { ...rest, settings, hiddenVariables, prompts, redact: redactor(await secretValues(settings, rest)) }
}

export interface AgentChoices {
  readonly mode: Mode
  readonly user?: Approver | undefined
  readonly pipes?: Approver | undefined
  /** Puts the agent's questions to the person at the chat. */
  readonly ask?: AskUser | undefined
  /** For a scheduled run: the chat that the job belongs to, whatever the session says. */
  readonly run?: { readonly origin: ChannelOrigin | undefined }
}

type Wired = Pick<
  HeadlessOptions,
  | 'conversations'
  | 'sessionGroups'
  | 'tools'
  | 'systemPrompt'
  | 'authorise'
  | 'limits'
  | 'prices'
  | 'now'
  | 'redact'
  | 'compaction'
> & { readonly titles: Titles }

/** The parts of an agent that follow from the settings. */
export function wireAgent(around: AgentSurroundings, choices: AgentChoices): Wired {
  const { settings, stores } = around
  const { maxTurns, maxTokens, maxConcurrentTools } = settings.agent
  const rules: ApprovalRules = { ...choices, behaviour: settings.tools.safety.approvalBehaviour }
  return {
    conversations: stores.conversations,
    sessionGroups: stores.sessionGroups,
    tools: (origin) => toolsOf(around, choices, approverOf(rules), origin),
    systemPrompt: (origin) => promptOf(around, choices, origin),
    authorise: authoriseBy(rules),
    limits: { maxTurns, maxTokens, maxConcurrentTools },
    prices: pricesOf(settings),
    now: () => new Date(),
    redact: around.redact,
    compaction: settings.compact,
    titles: new Titles({
      ...settings.conversation.titleGeneration,
      systemPrompt: around.prompts.conversation.titleGeneration.systemPrompt,
    }),
  }
}

/** The files that the tools and `@file` may touch. */
export function sandboxOf({ settings, cwd, home }: Pick<AgentSurroundings, 'settings' | 'cwd' | 'home'>): Sandbox {
  const { directories, protectedPaths } = settings.tools.sandbox
  return new Sandbox({
    cwd,
    directories: directories.map((one) => resolvePath(one, { base: cwd, home })),
    protectedPaths,
  })
}

/** Connects to the gateway, or starts the scripted one. Unattended runs wait for one that is not there yet. */
export async function gatewayOf({ gateway, client }: Settings, attended: boolean): Promise<GatewayConnection> {
  const { retry } = client
  return await connectGateway({
    url: gateway.url,
    apiKey: gateway.apiKey,
    timeoutMs: Math.min(gateway.timeout, client.timeout) * 1000,
    mock: gateway.mock,
    mockScenarios: gateway.mockScenarios,
    failFast: attended,
    retry: {
      enabled: retry.enabled,
      maxAttempts: retry.maxAttempts,
      initialBackoffMs: retry.initialBackoffSec * 1000,
      maxBackoffMs: retry.maxBackoffSec * 1000,
      backoffMultiplier: retry.backoffMultiplier,
      retryableStatusCodes: retry.retryableStatusCodes,
      stallThresholdMs: client.stallThresholdSec * 1000,
    },
  })
}

function toolsOf(
  around: AgentSurroundings,
  { mode, run, ask }: AgentChoices,
  approver: Approver | undefined,
  sessionOrigin: ChannelOrigin | undefined,
): AnyTool[] {
  const { settings, stores, storage, prompts, cwd, env } = around
  const { tools } = settings
  if (!tools.enabled) return []
  const sandbox = sandboxOf(around)
  const asks = mode === 'standard' && tools.safety.requireApproval
  const requireApproval = (tool: { requireApproval: boolean }) => asks && tool.requireApproval
  const { read, write, edit, grep, tree, bash, todoWrite, webFetch, schedule } = tools
  const dependencies: ToolDependencies = {
    ...(read.enabled && { read: { sandbox, plans: stores.plans, requireApproval: requireApproval(read) } }),
    ...(write.enabled && { write: { sandbox, requireApproval: requireApproval(write) } }),
    ...(edit.enabled && { edit: { sandbox, requireApproval: requireApproval(edit) } }),
    ...(tools.delete.enabled && { delete: { sandbox, requireApproval: requireApproval(tools.delete) } }),
    ...(grep.enabled && {
      grep: { sandbox, cwd, requireApproval: requireApproval(grep), searchPath: env.PATH },
    }),
    ...(tree.enabled && { tree: { sandbox, cwd, requireApproval: requireApproval(tree) } }),
    ...(bash.enabled && {
      bash: {
        mode,
        sandbox,
        cwd,
        env,
        allow: [...bash.mode.all.allow, ...bash.mode[mode].allow],
        timeoutMs: bash.timeout * 1000,
        hiddenVariables: around.hiddenVariables,
        attended: approver !== undefined,
      },
    }),
    ...(todoWrite.enabled && { todoWrite: { todos: new TodoList(), requireApproval: requireApproval(todoWrite) } }),
    ...(webFetch.enabled && {
      webFetch: {
        allowedDomains: webFetch.allowedDomains,
        maxSize: webFetch.safety.maxSize,
        timeoutMs: webFetch.safety.timeout * 1000,
        allowRedirect: webFetch.safety.allowRedirect,
        requireApproval: asks,
      },
    }),
    ...(tools.askUserQuestion.enabled && { askUserQuestion: { ask } }),
    ...(schedule.enabled && {
      schedule: {
        jobs: stores.scheduledJobs,
        backend: { type: stores.type, shared: stores.capabilities.shared },
        insideRun: run !== undefined,
        origin: run === undefined ? sessionOrigin : run.origin,
        get timezone() {
          return machineZone()
        },
        maxJobs: schedule.maxJobs,
        requireApproval: requireApproval(schedule),
        now: () => stores.jobRuns.now(),
        runNow,
      },
    }),
    requestPlanApproval: {
      plans: stores.plans,
      approver,
      ...(storage.type === 'jsonl' && { planFile: (id: string) => join(storage.plansDir, `${id}.md`) }),
    },
  }
  const descriptions = Object.entries(prompts.tools).map(([name, { description }]) => [name, description])
  return createTools(mode, dependencies, Object.fromEntries(descriptions))
}

async function promptOf(
  { settings, prompts, cwd }: AgentSurroundings,
  { mode, run }: AgentChoices,
  origin: ChannelOrigin | undefined,
): Promise<string> {
  const { agentsMd } = settings.agent
  const [branch, instructions] = await Promise.all([
    gitBranch(cwd),
    agentsMd.enabled ? readAgentsMd(cwd, agentsMd.maxChars) : undefined,
  ])
  return systemPrompt({
    mode,
    remote: (run?.origin ?? origin) !== undefined,
    prompts: prompts.agent,
    now: new Date(),
    cwd,
    platform: `${process.platform} ${process.arch}`,
    branch,
    agentsMd: instructions,
    ...(run !== undefined && { circumstances: UNATTENDED }),
  })
}

const UNATTENDED = 'This is a scheduled run: nobody is attached, so ask nothing back. Your last message is its result.'

function pricesOf({ pricing }: Settings): Prices {
  const prices = Object.entries(pricing.enabled ? pricing.customPrices : {})
  return {
    currency: pricing.currency,
    perMillion: Object.fromEntries(
      prices.map(([model, { inputPricePerMtoken: input, outputPricePerMtoken: output }]) => [model, { input, output }]),
    ),
  }
}
