import { PassThrough, Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { render } from 'ink'
import { createElement } from 'react'
import type { LoopEvent } from '#agent/loop.ts'
import type { OpenedSession } from '#agent/open-session.ts'
import { ChatProgram } from '#chat/chat-program.ts'
import { ChatSession } from '#chat/chat-session.ts'
import { Keymap } from '#chat/input/keymap.ts'
import { MAX_FPS } from '#chat/run-chat.tsx'
import { ChatApp } from '#chat/screen/chat-app.tsx'
import { themeOf } from '#chat/theme.ts'
import { markdownRenderer } from '#terminal/markdown.ts'

/** A terminal of 80x24 that keeps nothing. */
class FakeTerminal extends Writable {
  readonly columns = 80
  readonly rows = 24
  readonly isTTY = true
  onText: (text: string) => void = () => {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.onText(chunk.toString())
    done()
  }
}

const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode() {}, ref() {}, unref() {} })
const stdout = new FakeTerminal()
/** What the next turn says. */
let speak: (say: (event: LoopEvent) => void, signal: AbortSignal) => Promise<void> = async () => {}
const session = { id: 'bench', messages: [], length: 1, contextTokens: 0, addUser: async () => {} }
const spent = { tokens: 0, cost: 0, currency: 'USD', contextLeft: 50 }
const chat = await ChatSession.open(undefined, 'bench/model', {
  open: async () => ({ session }) as unknown as OpenedSession,
  expand: async (text) => text,
  run: async (_, { onEvent, signal }) => await speak(onEvent, signal),
  rollOver: async () => undefined,
  compact: async () => '',
  usage: () => spent,
  runShell: async () => ({ output: '', failed: false }),
  health: async () => {},
  history: { loadHistory: async () => [], saveToHistory: async () => {}, getHistoryFile: () => '' },
})
const services = {
  conversations: async () => [],
  plans: async () => [],
  plan: async () => '',
  jobs: async () => [],
  models: async () => [],
  exportSession: async () => '',
  shortcuts: [],
}
const program = new ChatProgram({ chat, services, keymap: new Keymap(), files: async () => [], onQuit: () => {} })
const markdown = await markdownRenderer()
const screen = render(createElement(ChatApp, { program, theme: themeOf('dark', true), backend: 'jsonl', markdown }), {
  stdin: stdin as never,
  stdout: stdout as never,
  exitOnCtrlC: false,
  incrementalRendering: true,
  interactive: true,
  maxFps: MAX_FPS,
  patchConsole: false,
})

const WORDS = 'the parser reads a line and hands it to the next of them '

async function keys(): Promise<number[]> {
  const line = `${'So much for the line of before. '.repeat(2)}\n\n`
  speak = async (say) => say({ type: 'text', text: line.repeat(2_000) })
  await chat.send('go')
  let streaming = true
  speak = async (say) => {
    for (let n = 0; streaming; n += 1) {
      say({ type: 'text', text: n % 80 === 79 ? '\n\n' : WORDS.slice((n * 7) % 50, ((n * 7) % 50) + 7) })
      await sleep(5)
    }
  }
  const turn = chat.send('go on')
  const times: number[] = []
  for (let n = 0; n < 300; n += 1) {
    const letter = String.fromCodePoint(0x4e00 + n)
    const shown = Promise.withResolvers<void>()
    stdout.onText = (text) => text.includes(letter) && shown.resolve()
    const start = performance.now()
    stdin.write(letter)
    await shown.promise
    times.push(performance.now() - start)
    if (n % 40 === 39) stdin.write('\u0015')
    await sleep(20 + ((n * 7) % 30))
  }
  streaming = false
  await turn
  return times
}

/** The heap after turns 100 and 1,000, in bytes. */
async function turns(): Promise<number[]> {
  const heap: number[] = []
  for (let n = 1; n <= 1_000; n += 1) {
    speak = async (say) => {
      for (let part = 0; part < 20; part += 1) say({ type: 'text', text: `${WORDS}${part}\n\n` })
    }
    await chat.send(`question ${n}`)
    if (n % 10 === 0) await sleep(1)
    if (n === 100 || n === 1_000) {
      await screen.waitUntilRenderFlush()
      globalThis.gc?.()
      heap.push(process.memoryUsage().heapUsed)
    }
  }
  return heap
}

process.stdout.write(JSON.stringify(process.argv[2] === 'keys' ? await keys() : await turns()))
process.exit(0)
