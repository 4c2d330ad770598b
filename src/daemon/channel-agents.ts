import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { formatLine, parseAgentLine } from '#agent/protocol.ts'
import type { AgentEnd, AgentProcess } from '#channels/agent-process.ts'
import { signalGroup } from './process-group.ts'

/** How long an agent has between SIGTERM and SIGKILL, in ms. */
const KILL_GRACE_MS = 5_000
/** How much of the end of stderr is kept, in characters. */
const KEPT = 4_096

export interface ChannelAgentOptions {
  /** The command that starts `infer`, such as node and bin/run.cjs. */
  readonly command: readonly [string, ...string[]]
  /** False runs agents in mode auto. */
  readonly requireApproval: boolean
  readonly killGraceMs?: number
}

/**
 * Starts `infer agent` in the session of a key, in a process group of its own and with the environment and directory of
 * this process. The task goes in by stdin: as an argument it could be a flag.
 */
export function startChannelAgent(options: ChannelAgentOptions, sessionKey: string, task: string): AgentProcess {
  const { command, requireApproval, killGraceMs = KILL_GRACE_MS } = options
  const [program, ...args] = command
  const mode = requireApproval ? 'standard' : 'auto'
  const flags = ['agent', '--session-id', sessionKey, '--require-approval', '--mode', mode]
  const child = spawn(program, [...args, ...flags], { detached: true, stdio: ['pipe', 'pipe', 'pipe'] })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = `${stderr}${text}`.slice(-KEPT)
  })
  // An agent that has ended reads nothing more.
  child.stdin.on('error', () => {})
  child.stdin.write(formatLine({ type: 'task', content: task }))
  let killing: NodeJS.Timeout | undefined
  const ended = exitOf(child).then((how): AgentEnd => {
    clearTimeout(killing)
    // What it has left behind would keep its pipes open.
    signalGroup(child, 'SIGKILL')
    return { ok: how === 'exit code 0', how: reasonOf(how, stderr) }
  })
  return {
    lines: linesOf(child),
    respond: (line) => child.stdin.write(formatLine(line)),
    stop() {
      if (killing !== undefined) return
      signalGroup(child, 'SIGTERM')
      killing = setTimeout(() => signalGroup(child, 'SIGKILL'), killGraceMs)
    },
    ended,
  }
}

async function* linesOf(child: ChildProcess & { stdout: NodeJS.ReadableStream }) {
  for await (const text of createInterface({ input: child.stdout, crlfDelay: Number.POSITIVE_INFINITY })) {
    const line = parseAgentLine(text)
    if (line !== undefined) yield line
  }
}

/** Resolves when the process has ended, or could not be started. */
function exitOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve(signal === null ? `exit code ${code}` : `signal ${signal}`))
    child.once('error', (error) => resolve(error.message))
  })
}

/** The last error that it has named, else how it ended with its last line that is no warning. */
function reasonOf(how: string, stderr: string): string {
  const lines = stderr.split('\n').map((line) => line.trim())
  const said = lines.filter((line) => line !== '' && !line.startsWith('infer: warning'))
  const named = said.findLast((line) => line.startsWith('infer: '))
  return named?.slice('infer: '.length) ?? [`it ended with ${how}`, ...said.slice(-1)].join(': ')
}
