import type { ChatSession } from './chat-session.ts'
import { type Picker, type PickerItem, startPicker } from './picker.ts'

/** What the slash commands need beside the conversation. All lists newest or next first. */
export interface ChatServices {
  conversations(): Promise<readonly PickerItem[]>
  plans(): Promise<readonly PickerItem[]>
  /** A plan as markdown. */
  plan(id: string): Promise<string>
  jobs(): Promise<readonly PickerItem[]>
  models(): Promise<readonly string[]>
  /** Writes the conversation as markdown and returns where. */
  exportSession(id: string): Promise<string>
  readonly shortcuts: readonly ChatShortcut[]
}

/** A slash command of the user's own: a shell command line. */
export interface ChatShortcut {
  readonly name: string
  readonly description: string
  commandLine(sessionId: string, args: string): string
}

/** What a slash command may do to the screen. */
export interface SlashContext {
  readonly chat: ChatSession
  readonly services: ChatServices
  pick(picker: Picker, then: (item: PickerItem) => void | Promise<void>): void
  showHelp(): void
  /** Shows markdown in the transcript. */
  show(markdown: string): void
  quit(): void
}

export interface SlashCommand {
  readonly name: string
  readonly description: string
  run(context: SlashContext, args: string): Promise<void> | void
}

const BUILT_IN: readonly SlashCommand[] = [
  { name: 'help', description: 'Keys and commands', run: ({ showHelp }) => showHelp() },
  { name: 'new', description: 'Start a new session', run: ({ chat }) => chat.renew() },
  {
    name: 'conversations',
    description: 'Go on with an earlier conversation',
    async run({ chat, services, pick }, args) {
      if (args !== '') return await chat.move(args)
      pick(startPicker('Conversations', await services.conversations()), ({ id }) => chat.move(id))
    },
  },
  {
    name: 'plans',
    description: 'Show a stored plan',
    async run({ services, pick, show }) {
      pick(startPicker('Plans', await services.plans()), async ({ id }) => show(await services.plan(id)))
    },
  },
  {
    name: 'schedules',
    description: 'Show the scheduled jobs',
    async run({ services, pick, chat }) {
      pick(startPicker('Scheduled jobs', await services.jobs()), ({ label, hint }) => chat.note(`${label}  ${hint}`))
    },
  },
  {
    name: 'model',
    description: 'Choose the model',
    async run({ chat, services, pick }, args) {
      if (args !== '') {
        chat.setModel(args)
        return
      }
      const models = (await services.models()).map((id) => ({ id, label: id, hint: '' }))
      pick(startPicker('Models', models), ({ id }) => chat.setModel(id))
    },
  },
  {
    name: 'export',
    description: 'Write the conversation to a file',
    async run({ chat, services }) {
      if (chat.isStored) chat.note(`Written to ${await services.exportSession(chat.state.sessionId)}`)
      else chat.note('Nothing has been said yet that could be written.')
    },
  },
  { name: 'compact', description: 'Summarise what was said so far', run: ({ chat }) => chat.compact() },
  { name: 'quit', description: 'Leave the chat', run: ({ quit }) => quit() },
]

/** The built-in commands, and the shortcuts that have other names. */
export function slashCommands({ shortcuts }: Pick<ChatServices, 'shortcuts'>): readonly SlashCommand[] {
  const own = shortcuts
    .filter(({ name }) => !BUILT_IN.some((command) => command.name === name))
    .map(
      ({ name, description, commandLine }): SlashCommand => ({
        name,
        description,
        run: ({ chat }, args) => chat.shell(commandLine(chat.state.sessionId, args)),
      }),
    )
  return [...BUILT_IN, ...own]
}

/** Carries out `/name args`; says what there is when the name is unknown. Rejects never. */
export async function runSlashCommand(
  text: string,
  commands: readonly SlashCommand[],
  context: SlashContext,
): Promise<void> {
  const [, name = '', args = ''] = /^\/(\S*)\s*(.*)$/s.exec(text.trim()) ?? []
  const command = commands.find((one) => one.name === name) ?? only(commands, name)
  try {
    if (command) await command.run(context, args.trim())
    else context.chat.fail(new Error(`There is no command /${name}; /help shows all.`))
  } catch (error) {
    context.chat.fail(error)
  }
}

/** The only command that begins so. */
function only(commands: readonly SlashCommand[], beginning: string): SlashCommand | undefined {
  const found = beginning === '' ? [] : commands.filter(({ name }) => name.startsWith(beginning))
  return found.length === 1 ? found[0] : undefined
}
