import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { findBinary } from './binaries.ts'
import { cleanEnvironment } from './environment.ts'

/** Each look is a process: not too often. */
const LOOK_MS = 40
const PATIENCE_MS = 30_000

/** A program in a terminal of its own, seen and driven as a person does. */
export class Terminal implements Disposable {
  readonly #socket = `infer-test-${process.pid}-${randomBytes(4).toString('hex')}`

  /** Starts `command` in 80 columns and 24 lines, or what is asked for; the screen stays when it ends. */
  constructor(
    command: readonly string[],
    options: { cwd: string; env: NodeJS.ProcessEnv; columns?: number; lines?: number },
  ) {
    const { cwd, env, columns = 80, lines = 24 } = options
    const shell = `${command.map(quoted).join(' ')}; echo "[exit $?]"; exec sleep 600`
    const size = ['-x', String(columns), '-y', String(lines)]
    execFileSync(findBinary('tmux'), ['-L', this.#socket, '-f', '/dev/null', 'new-session', '-d', ...size, shell], {
      cwd,
      // tmux takes a screen to be ASCII where the locale does not say otherwise.
      env: { ...cleanEnvironment(env), LC_ALL: 'C.UTF-8', SHELL: '/bin/sh', TERM: 'xterm-256color' },
    })
  }

  /** The screen, lines without the blanks at their ends; with `styles` the escape sequences too. */
  screen(styles = false): string {
    return this.#tmux('capture-pane', '-p', ...(styles ? ['-e'] : [])).trimEnd()
  }

  /** Types text as it is. */
  type(text: string): void {
    this.#tmux('send-keys', '-l', text)
  }

  /** Presses a key by its name in tmux, such as `Enter`, `C-c` or `C-d`. */
  press(key: string): void {
    this.#tmux('send-keys', key)
  }

  /** Pastes text as one block, in the brackets that the program has asked for. */
  paste(text: string): void {
    this.#tmux('set-buffer', text)
    this.#tmux('paste-buffer', '-p', '-r')
  }

  resize(columns: number, lines: number): void {
    this.#tmux('resize-window', '-x', String(columns), '-y', String(lines))
  }

  /** Whether the cursor can be seen. */
  get cursorIsShown(): boolean {
    return this.#tmux('display-message', '-p', '#{cursor_flag}').trim() === '1'
  }

  /** The process id of the program. Linux. */
  get pid(): number {
    const shell = this.#tmux('display-message', '-p', '#{pane_pid}').trim()
    return Number(readFileSync(`/proc/${shell}/task/${shell}/children`, 'utf8').trim().split(' ')[0])
  }

  /** Takes the terminal away, as closing its window does: what runs in it gets SIGHUP. */
  close(): void {
    this.#tmux('kill-session')
  }

  /** The screen and what has scrolled out of it. */
  scrollback(): string {
    return this.#tmux('capture-pane', '-p', '-S', '-').trimEnd()
  }

  /** The first screen that holds the text, or matches. */
  async shows(expected: string | RegExp): Promise<string> {
    return await this.#until(`the screen shows ${expected}`, (screen) =>
      typeof expected === 'string' ? screen.includes(expected) : expected.test(screen),
    )
  }

  /** The first screen without the text. */
  async showsNoMore(text: string): Promise<string> {
    return await this.#until(`the screen shows no more ${text}`, (screen) => !screen.includes(text))
  }

  async #until(what: string, holds: (screen: string) => boolean): Promise<string> {
    for (const deadline = performance.now() + PATIENCE_MS; ; await sleep(LOOK_MS)) {
      const screen = this.screen()
      if (holds(screen)) return screen
      if (performance.now() > deadline) throw new Error(`${what}: not within ${PATIENCE_MS} ms:\n${screen}`)
    }
  }

  #tmux(...args: string[]): string {
    return execFileSync(findBinary('tmux'), ['-L', this.#socket, ...args], { encoding: 'utf8' })
  }

  [Symbol.dispose](): void {
    try {
      this.#tmux('kill-server')
    } catch {
      // It ended by itself.
    }
  }
}

const quoted = (word: string) => `'${word.replaceAll("'", "'\\''")}'`
