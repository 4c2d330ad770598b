import { isatty } from 'node:tty'
import { render } from 'ink'
import { type MarkdownRenderer, markdownRenderer } from '#terminal/markdown.ts'
import { ChatProgram } from './chat-program.ts'
import type { ChatSession } from './chat-session.ts'
import { inkReady } from './ink-ready.ts'
import { type Keybindings, Keymap } from './input/keymap.ts'
import { ChatApp } from './screen/chat-app.tsx'
import type { ChatServices } from './slash-commands.ts'
import type { Theme } from './theme.ts'

export interface RunChatOptions {
  readonly chat: ChatSession
  readonly services: ChatServices
  readonly bindings: Keybindings
  readonly theme: Theme
  /** The backend as the status bar names it. */
  readonly backend: string
  /** Paths below the working directory that begin with the text. */
  readonly files: (beginning: string) => Promise<readonly string[]>
  /** Ends the chat. */
  readonly signal: AbortSignal
  /** How often it is looked whether the store is there, in ms. Default 15 s. */
  readonly healthEveryMs?: number
}

/** Frames a second at most. Keys make most of them: what streams in is told in batches (see ChatSession). */
export const MAX_FPS = 250

/** Shows a chat on the terminal until the person leaves or the signal is aborted; a turn under way is ended and kept. */
export async function runChat(options: RunChatOptions): Promise<void> {
  const { chat, services, theme, backend, files, signal, healthEveryMs = 15_000 } = options
  const left = Promise.withResolvers<void>()
  const program = new ChatProgram({ chat, services, files, keymap: new Keymap(options.bindings), onQuit: left.resolve })
  const app = (markdown: MarkdownRenderer | undefined) => (
    <ChatApp program={program} theme={theme} backend={backend} markdown={markdown} />
  )
  await inkReady()
  using _signals = holdSignals()
  const screen = render(app(undefined), {
    exitOnCtrlC: false,
    incrementalRendering: true,
    interactive: true,
    kittyKeyboard: { mode: 'auto' },
    maxFps: MAX_FPS,
    patchConsole: false,
  })
  using _terminal = takeBackTerminal()
  const health = setInterval(() => void chat.checkStore(), healthEveryMs)
  const onAbort = () => left.resolve()
  signal.addEventListener('abort', onAbort, { once: true })
  screen.waitUntilExit().then(() => left.resolve(), left.reject)
  try {
    const [markdown] = await Promise.all([markdownRenderer(), program.loadHistory()])
    screen.rerender(app(markdown))
    if (!signal.aborted) await left.promise
  } finally {
    clearInterval(health)
    signal.removeEventListener('abort', onAbort)
    await chat.end()
    await screen.waitUntilRenderFlush()
    // What stays is what was said: not an empty prompt.
    screen.clear()
    screen.unmount()
  }
}

/**
 * Keeps the first SIGINT, SIGTERM or SIGHUP from ending the process: Ink ends it with the signal when nobody else listens
 * any more, and whoever aborts `signal` at one listens only once. What was said must be stored first.
 */
function holdSignals(): Disposable {
  const release = () => {
    for (const name of SIGNALS) process.off(name, hold)
  }
  const hold = () => void setImmediate(release)
  for (const name of SIGNALS) process.on(name, hold)
  return { [Symbol.dispose]: release }
}

/** After `fg` the terminal has the modes of the shell: takes it back as Ink had it. */
function takeBackTerminal(): Disposable {
  const takeBack = () => {
    // A terminal that goes away sends SIGCONT too, behind SIGHUP.
    if (!isatty(process.stdin.fd)) return
    process.stdin.on('error', ignore)
    // Node knows nothing of the shell: it takes a terminal that it made raw to be raw still.
    process.stdin.setRawMode(false)
    process.stdin.setRawMode(true)
    process.stdin.off('error', ignore)
    process.stdout.write(PASTE_IN_BRACKETS + NO_CURSOR)
  }
  process.on('SIGCONT', takeBack)
  return { [Symbol.dispose]: () => void process.off('SIGCONT', takeBack) }
}

const ignore = () => {}
const PASTE_IN_BRACKETS = '\x1b[?2004h'
const NO_CURSOR = '\x1b[?25l'
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
