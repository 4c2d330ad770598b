import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Stores } from '#storage/contract/stores.ts'
import { openStores } from '#storage/index.ts'
import { makeBackend } from '../support/backends.ts'
import { type CliPlace, cliEnvironment, cliPlace, ensureBundle, INFER } from '../support/cli.ts'
import { jsonlOptions } from '../support/daemon.ts'
import { Terminal } from '../support/tmux.ts'

export interface ChatOptions {
  readonly args?: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  readonly columns?: number
  readonly lines?: number
}

/** A home, a directory and a store in which chats are opened in terminals, all of them closed at the end. */
export interface ChatSite extends AsyncDisposable {
  readonly place: CliPlace
  /** What the chats have stored. */
  readonly stores: Stores
  /** Writes a file below the working directory. */
  file(path: string, text: string): void
  /** Starts a chat, and waits for its prompt. */
  chat(options?: ChatOptions): Promise<Terminal>
  /** Starts a chat and waits for nothing. */
  start(options?: ChatOptions): Terminal
}

/** Makes a site over a backend; `scenarios` is YAML for the scripted gateway. */
export async function chatSite(
  type: 'jsonl' | 'postgres' = 'jsonl',
  scenarios = SCENARIOS,
  through: (url: string) => string = (url) => url,
): Promise<ChatSite> {
  await ensureBundle()
  const script = { INFER_GATEWAY_MOCK: 'true', INFER_CONVERSATION_TITLE_GENERATION_ENABLED: 'false' }
  await using made = new AsyncDisposableStack()
  const backend = type === 'postgres' ? made.use(await makeBackend('postgres')) : undefined
  const options = backend?.options()
  const url = options?.type === 'postgres' ? through(options.url ?? '') : ''
  const settings: NodeJS.ProcessEnv = {
    ...script,
    ...(options && { INFER_STORAGE_TYPE: 'postgres', INFER_STORAGE_POSTGRES_URL: url }),
  }
  const place = made.use(cliPlace(settings))
  const file = (path: string, text: string) => {
    mkdirSync(dirname(join(place.cwd, path)), { recursive: true })
    writeFileSync(join(place.cwd, path), text)
  }
  writeFileSync(join(place.home, 'scenarios.yaml'), scenarios)
  settings.INFER_GATEWAY_MOCK_SCENARIOS = join(place.home, 'scenarios.yaml')
  const stores = made.use(await openStores(options ?? jsonlOptions(place)))
  const all = made.move()
  const start: ChatSite['start'] = ({ args = [], env, ...size } = {}) =>
    all.use(
      new Terminal([process.execPath, INFER, 'chat', ...args], {
        cwd: place.cwd,
        env: cliEnvironment(place.home, { ...settings, ...env }),
        ...size,
      }),
    )
  return {
    place,
    stores,
    file,
    start,
    async chat(asked) {
      const terminal = start(asked)
      await terminal.shows('/help')
      return terminal
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}

/** Types a line and sends it. */
export function say(terminal: Terminal, text: string): void {
  terminal.type(text)
  terminal.press('Enter')
}

/** What the model says in these tests. */
const SCENARIOS = String.raw`
fallback: { content: "Nothing else." }
scenarios:
  - name: hello
    match: '^hello'
    turns: [{ content: "Good day." }]
  - name: markdown
    match: '^markdown'
    turns:
      - content: "# Title\n\nSome **bold** words.\n\n${'```'}js\nconst answer = 42 // why\n${'```'}\n\n- one\n- two\n\nThe end.\n"
        delay_ms: 5
  - name: slow
    match: '^slow'
    turns:
      - content: "Begin of it.\n\nalpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon phi chi psi omega and all of that again until the line is long enough to be wrapped three times. Stop of it."
        chunk_size: 4
        delay_ms: 100
  - name: endless
    match: '^endless'
    turns:
      - content: "Spoken first.\n\nStill speaking and on and on and on and on and on and on and on and on and on and on and on and on and on and on and on and on and on"
        chunk_size: 2
        delay_ms: 500
  - name: numbers
    match: '^numbers'
    turns: [{ content: "n1\n\nn2\n\nn3\n\nn4\n\nn5\n\nn6\n\nn7\n\nn8\n\nn9\n\nn10\n\nn11\n\nn12\n\nn13\n\nn14\n\nn15\n" }]
  - name: wide
    match: '日本'
    turns: [{ content: "漢字かな混じり文 👍🏽 é ok" }]
  - name: edit
    match: '^edit'
    turns:
      - tool_calls: [{ name: Edit, args: { file_path: "a.txt", old_string: "two", new_string: "zwei" } }]
      - content: "Edit is over."
  - name: bash
    match: '^bash'
    turns:
      - tool_calls: [{ name: Bash, args: { command: "touch made.txt" } }]
      - content: "Bash is over."
  - name: read
    match: '^read'
    turns:
      - tool_calls: [{ name: Read, args: { file_path: "long.txt" } }]
      - content: "Reading is over."
  - name: plan
    match: '^plan'
    turns:
      - tool_calls: [{ name: RequestPlanApproval, args: { title: "Mend the parser", plan: "## Goal\n\nMake it faster.\n\n## Steps\n\n1. Read it\n2. Change it\n" } }]
      - content: "So I plan again."
  - name: carry
    match: '^Carry out the plan'
    turns:
      - tool_calls: [{ name: Write, args: { file_path: "done.txt", content: "done\n" } }]
      - content: "Carried out."
  - name: ask
    match: '^ask'
    turns:
      - tool_calls:
          - name: AskUserQuestion
            args:
              questions:
                - { question: "Which database?", options: [{ label: PostgreSQL, description: a server }, { label: SQLite, description: a file }] }
                - { question: "Which parts?", multi_select: true, options: [{ label: Front }, { label: Middle }, { label: Back }] }
                - { question: "What name?" }
      - content: "Asking is over."
`
