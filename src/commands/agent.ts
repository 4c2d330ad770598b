import { string as text } from '@oclif/core/args'
import { boolean, integer, string } from '@oclif/core/flags'
import { type HeadlessResult, runHeadless } from '#agent/headless.ts'
import { openPipes } from '#agent/pipes.ts'
import { type AgentLine, formatLine, timestamp } from '#agent/protocol.ts'
import { redactJson } from '#agent/redact.ts'
import { taskText } from '#agent/task-text.ts'
import type { Mode } from '#agent/tool.ts'
import { BaseCommand } from '#command.ts'
import {
  type AgentSurroundings,
  agentSurroundings,
  gatewayOf,
  STORE_FOR_MS,
  sandboxOf,
  wireAgent,
} from '#commands/agent-setup.ts'
import { importArtifacts } from '#commands/import-artifacts.ts'
import { runJob } from '#commands/run-job.ts'
import { stopSignals } from '#commands/stop-signals.ts'
import type { LoadedSettings } from '#config/load.ts'
import { InferError } from '#errors.ts'
import { chooseModel } from '#gateway/choose-model.ts'
import type { Stores } from '#storage/contract/stores.ts'

export default class Agent extends BaseCommand {
  static override description =
    'Run one task without a person at the keyboard. Prints one JSON document a line; the exit code says how it ended.'
  static override examples = [
    '<%= config.bin %> agent "summarise the changes of today"',
    'git diff | <%= config.bin %> agent - --mode plan',
    '<%= config.bin %> agent --session-id nightly "and now in one sentence"',
  ]
  static override args = {
    task: text({
      // oclif would take a pipe for the argument, and give up on a slow one.
      ignoreStdin: true,
      description: 'What to do; - or a pipe reads it from stdin, @file attaches a file.',
    }),
  }
  static override flags = {
    model: string({ char: 'm', description: 'Model, such as openai/gpt-4o.' }),
    'session-id': string({ description: 'Go on with a conversation, by its id or session group key.' }),
    mode: string({
      options: ['standard', 'plan', 'auto'],
      default: 'standard',
      description: 'standard asks for approval, plan changes nothing, auto asks nobody.',
    }),
    'require-approval': boolean({ description: 'Ask for approvals as JSON lines on stdout and stdin.' }),
    files: string({ char: 'f', multiple: true, multipleNonGreedy: true, description: 'Attach a file; repeatable.' }),
    'no-save': boolean({ description: 'Do not store the conversation.' }),
    verbose: boolean({ char: 'v', description: 'Say on stderr what happens when.' }),
    run: string({ hidden: true, dependsOn: ['fence'] }),
    fence: integer({ hidden: true, dependsOn: ['run'] }),
  }

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Agent)
    const { run, fence } = flags
    const result =
      run === undefined || fence === undefined
        ? await this.withStores((stores, loaded) => this.#runTask(stores, loaded, args.task, flags))
        : await this.withStores((stores, loaded) => this.#runJob(stores, loaded, run, fence), { migrate: false })
    if (result.error !== undefined) throw result.error
  }

  async #surroundings(stores: Stores, loaded: LoadedSettings): Promise<AgentSurroundings> {
    const [place, storage] = [await this.surroundings(), await this.storageOptions(loaded)]
    const warn = (message: string) => this.warning(message)
    return await agentSurroundings({ loaded, stores, storage, ...place, warn })
  }

  async #runTask(
    stores: Stores,
    loaded: LoadedSettings,
    task: string | undefined,
    flags: TaskFlags,
  ): Promise<HeadlessResult> {
    refuseWithoutTask(task, flags['require-approval'])
    const say = { warn: (line: string) => this.warning(line), note: (line: string) => this.note(line) }
    await importArtifacts(stores, loaded, { ...(await this.surroundings()), ...say })
    const around = await this.#surroundings(stores, loaded)
    await using gateway = await gatewayOf(loaded.settings, true)
    using stop = stopSignals()
    const show = (line: AgentLine) => emit(redactJson(line, around.redact))
    const warn = (message: string) => show({ type: 'warning', message, ...timestamp() })
    using pipes = flags['require-approval'] ? openPipes({ input: process.stdin, emit: show, warn }) : undefined
    const mode = flags.mode as Mode
    const configured = loaded.settings.agent.model
    return await runHeadless({
      ...wireAgent(around, { mode, pipes: pipes?.approve }),
      client: gateway.client,
      chooseModel: (signal) => chooseModel({ ...gateway, flag: flags.model, configured, signal }),
      task: async () => {
        const content = task !== undefined && task !== '-' ? task : await (pipes?.task() ?? readStdin())
        if (content === undefined) throw noTask()
        return await taskText(content, { ...around, sandbox: sandboxOf(around), files: flags.files ?? [], warn })
      },
      sessionId: flags['session-id'],
      save: !flags['no-save'],
      emit,
      ...(flags.verbose && { detail: (line: string) => this.note(around.redact(line)) }),
      signal: stop.signal,
      retryForMs: STORE_FOR_MS,
    })
  }

  /** The child's side of a run: everything it needs stands in the store. */
  async #runJob(stores: Stores, loaded: LoadedSettings, id: string, fence: number): Promise<HeadlessResult> {
    using stop = stopSignals()
    const { settings } = loaded
    const surroundings = () => this.#surroundings(stores, loaded)
    return await runJob({ id, fence }, { stores, settings, surroundings, attended: false, emit, stop: stop.signal })
  }
}

interface TaskFlags {
  model: string | undefined
  'session-id': string | undefined
  mode: string
  'require-approval': boolean
  files: string[] | undefined
  'no-save': boolean
  verbose: boolean
}

function emit(line: AgentLine): void {
  process.stdout.write(formatLine(line))
}

function noTask(): InferError {
  return new InferError('E_USAGE', 'There is no task.', {
    hint: 'infer agent "TASK", or pipe it: infer agent - < task.md, or talk: infer chat',
  })
}

function refuseWithoutTask(task: string | undefined, requireApproval: boolean): void {
  if (task === '-' && requireApproval) {
    throw new InferError('E_USAGE', 'The task cannot come from stdin as text with --require-approval.', {
      hint: 'Send {"type":"task","content":"…"} as the first line, or pass the task as an argument.',
    })
  }
  if (task === undefined && !requireApproval && process.stdin.isTTY) throw noTask()
}

async function readStdin(): Promise<string> {
  const { text: read } = await import('node:stream/consumers')
  return (await read(process.stdin)).replace(/\n$/, '')
}
