import type { Key } from 'ink'
import { describe, expect, it } from 'vitest'
import type { AnyTool } from '#agent/tool.ts'
import { ChatProgram } from '#chat/chat-program.ts'
import { Keymap } from '#chat/input/keymap.ts'
import { calls, hangs, recordedModel, says } from '../agent/recorded-model.ts'
import { testTool } from '../agent/test-tool.ts'
import { waitFor } from '../support/wait-for.ts'
import { linesOf, openChat } from './chat-parts.ts'

const touch: AnyTool = testTool(() => ({ data: 'ok' }), { name: 'Touch', needsApproval: () => true })
const NO_KEY = { ctrl: false, meta: false, shift: false, super: false } as Key
const SERVICES = {
  conversations: async () => [],
  plans: async () => [],
  plan: async () => '',
  jobs: async () => [],
  models: async () => [],
  exportSession: async () => '',
  shortcuts: [],
}

async function programWith(...client: Parameters<typeof recordedModel>): Promise<ChatProgram> {
  const { chat } = await openChat(recordedModel(...client), { tools: [touch] })
  return new ChatProgram({ chat, services: SERVICES, keymap: new Keymap(), files: async () => [], onQuit: () => {} })
}

const enter = (program: ChatProgram) => program.press('', { ...NO_KEY, return: true }, 80)

describe('a question that comes up while somebody types', () => {
  it('of a call is not answered by what is typed, and is once the line is gone', async () => {
    const program = await programWith(calls(['Touch', {}]), says('fine'))
    const turn = program.chat.send('go')
    program.press('ye', NO_KEY, 80)
    await waitFor('the question', () => program.chat.state.question !== undefined)
    program.press('y', NO_KEY, 80)
    program.press('n', NO_KEY, 80)
    expect(program.prompt.state.draft.text).toBe('yeyn')
    expect(program.chat.state.question).toBeDefined()
    program.prompt.setText('')
    program.press('y', NO_KEY, 80)
    await turn
    expect(linesOf(program)).toContain('tool result: Touch()')
  })

  it('of a plan is not accepted by the enter that sends the line', async () => {
    const plan = calls(['RequestPlanApproval', { title: 'Ship it', plan: 'ship' }])
    const program = await programWith(plan, says('again'), says('more'))
    program.chat.setMode('plan')
    const turn = program.chat.send('plan it')
    program.press('and more', NO_KEY, 80)
    await waitFor('the question', () => program.chat.state.question !== undefined)
    enter(program)
    expect(program.chat.state.waiting).toEqual(['and more'])
    expect(program.chat.state.question).toBeDefined()
    program.chat.cancel()
    await turn
    expect(program.chat.state.mode).toBe('plan')
  })
})

const altKey = (input: string): [string, Key] => [input, { ...NO_KEY, meta: true }]

describe('esc and ctrl-c', () => {
  it('give back what waited, before what is being typed', async () => {
    const esc: [string, Key] = ['', { ...NO_KEY, escape: true }]
    const ctrlC: [string, Key] = ['c', { ...NO_KEY, ctrl: true }]
    for (const interrupt of [esc, ctrlC]) {
      const program = await programWith(hangs('half'))
      const turn = program.chat.send('go')
      await program.chat.send('then this')
      if (interrupt === esc) program.press('and', NO_KEY, 80)
      program.press(...interrupt, 80)
      await turn
      expect(program.prompt.state.draft.text).toBe(interrupt === esc ? 'then this\nand' : 'then this')
      expect(program.chat.state.waiting).toEqual([])
    }
  })

  it('count also when the next key comes in the same read, unless alt and that key do something', async () => {
    const program = await programWith(hangs('half'))
    const turn = program.chat.send('go')
    program.press('one two', NO_KEY, 80)
    program.press(...altKey('b'), 80)
    expect(program.chat.busy).toBe(true)
    program.press('', { ...NO_KEY, meta: true, upArrow: true }, 80)
    program.press('x', { ...NO_KEY, meta: true, eventType: 'press' }, 80)
    expect(program.chat.busy).toBe(true)
    program.press(...altKey('x'), 80)
    await turn
    expect(program.prompt.state.draft.text).toBe('one xtwo')
    expect(linesOf(program).at(-1)).toBe('note: Interrupted; what was said is kept.')
  })

  it('never allow what is asked about', async () => {
    const program = await programWith(calls(['Touch', {}]))
    const turn = program.chat.send('go')
    await waitFor('the question', () => program.chat.state.question !== undefined)
    program.press(...altKey('y'), 80)
    await turn
    expect(linesOf(program).join()).not.toContain('tool result')
    expect(program.prompt.state.draft.text).toBe('y')
  })

  it('end a search, ctrl-c with what it found', async () => {
    const program = await programWith()
    program.prompt.setHistory(['an old line'])
    const ctrl = (input: string) => program.press(input, { ...NO_KEY, ctrl: true }, 80)
    ctrl('r')
    await waitFor('the search', () => program.prompt.state.search)
    program.press('old', NO_KEY, 80)
    ctrl('c')
    expect(program.prompt.state).toMatchObject({ search: undefined, draft: { text: '' } })
  })
})

describe('a refusal', () => {
  it('needs no reason', async () => {
    const program = await programWith(calls(['RequestPlanApproval', { title: 'Ship it', plan: 'ship' }]), says('again'))
    program.chat.setMode('plan')
    const turn = program.chat.send('plan it')
    await waitFor('the question', () => program.chat.state.question !== undefined)
    program.press('n', NO_KEY, 80)
    enter(program)
    await turn
    expect(linesOf(program).at(-1)).toBe('answer: again')
  })
})

it('gives a command back that is sent while the agent is at work', async () => {
  for (const command of ['!ls', '/new']) {
    const program = await programWith(hangs('half'))
    const turn = program.chat.send('go')
    program.press(command, NO_KEY, 80)
    enter(program)
    expect(program.prompt.state.draft.text).toBe(command)
    expect(linesOf(program).at(-1)).toContain('The agent is at work')
    program.chat.cancel()
    await turn
  }
})
