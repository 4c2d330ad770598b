import { string } from '@oclif/core/flags'
import type { ChatSession as OpenChat } from '#chat/chat-session.ts'
import { BaseCommand } from '#command.ts'
import { type AgentSurroundings, agentSurroundings, gatewayOf } from '#commands/agent-setup.ts'
import { chatDependencies } from '#commands/chat-wiring.ts'
import { importArtifacts } from '#commands/import-artifacts.ts'
import { pipedChat } from '#commands/piped-chat.ts'
import { requireGateway } from '#commands/require-gateway.ts'
import { stopSignals } from '#commands/stop-signals.ts'
import { chooseModel } from '#gateway/choose-model.ts'
import type { GatewayConnection } from '#gateway/connect.ts'

export default class Chat extends BaseCommand {
  static override description =
    'Talk to the agent. With a pipe as input its text is one message, answered as plain text.'
  static override examples = [
    '<%= config.bin %> chat',
    'echo "what does this project do?" | <%= config.bin %> chat',
    '<%= config.bin %> chat --session-id nightly',
  ]
  static override flags = {
    model: string({ char: 'm', description: 'Model, such as openai/gpt-4o.' }),
    'session-id': string({ description: 'Go on with a conversation, by its id or session group key.' }),
  }

  protected override get asksTrust(): boolean {
    return process.stdin.isTTY === true && process.stderr.isTTY === true
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(Chat)
    await this.withStores(async (stores, loaded) => {
      const place = await this.surroundings()
      const warn = (message: string) => this.warning(message)
      await importArtifacts(stores, loaded, { ...place, warn, note: (line) => this.note(line) })
      const storage = await this.storageOptions(loaded)
      const around = await agentSurroundings({ loaded, stores, storage, ...place, warn })
      const asked = { model: flags.model, sessionId: flags['session-id'] }
      await using gateway = await gatewayOf(loaded.settings, true)
      if (process.stdin.isTTY === true && this.onTerminal) await this.#onScreen(around, gateway, asked)
      else {
        using stop = stopSignals()
        const talk = { around, gateway, asked, signal: stop.signal, warn, note: (line: string) => this.note(line) }
        await pipedChat(talk)
      }
    })
  }

  async #onScreen(
    around: AgentSurroundings,
    gateway: GatewayConnection,
    asked: { model: string | undefined; sessionId: string | undefined },
  ): Promise<void> {
    const { settings, stores, storage, cwd, home } = around
    // A terminal that goes away ends the chat; what was said is stored first.
    using stop = stopSignals(['SIGHUP'])
    const { signal } = stop
    const [{ runChat }, { ChatSession }, { themeOf }, { pickModel }, { loadKeybindings }, { loadShortcuts }, services] =
      await Promise.all([
        import('#chat/run-chat.tsx'),
        import('#chat/chat-session.ts'),
        import('#chat/theme.ts'),
        import('#chat/pick-model.tsx'),
        import('#config/keybindings.ts'),
        import('#config/shortcuts.ts'),
        import('#commands/chat-services.ts'),
      ])
    const theme = themeOf(settings.chat.theme, this.colour)
    const pick = (models: readonly string[]) => pickModel(models, theme, signal)
    const configured = settings.agent.model
    const model = await chooseModel({ ...gateway, flag: asked.model, configured, signal, pick })
    await requireGateway(gateway, signal)
    const [keys, { shortcuts, warnings }] = await Promise.all([loadKeybindings(around), loadShortcuts(around)])
    for (const warning of [...keys.warnings, ...warnings]) this.warning(warning)
    let chat: OpenChat | undefined
    const dependencies = chatDependencies({
      around,
      gateway,
      historyFile: storage.type === 'jsonl' ? storage.historyFile : stores.location,
      signal,
      warn: (message) => (chat === undefined ? this.warning(message) : chat.note(message)),
    })
    chat = await ChatSession.open(asked.sessionId, model, dependencies)
    const directory = cwd === home || cwd.startsWith(`${home}/`) ? `~${cwd.slice(home.length)}` : cwd
    chat.note(`infer ${this.config.version} in ${directory}\n/help shows keys and commands`)
    await runChat({
      chat,
      theme,
      bindings: keys.bindings,
      services: services.chatServices(around, gateway, shortcuts, signal),
      backend: stores.type,
      files: (beginning) => services.pathsBelow(cwd, beginning),
      signal,
    })
    await dependencies.settle()
    if (chat.isStored) this.note(`Go on with this session: infer chat --session-id ${chat.state.sessionId}`)
    signal.throwIfAborted()
  }
}
