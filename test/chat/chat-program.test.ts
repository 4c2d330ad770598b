import type { Key } from 'ink'
import { describe, expect, it } from 'vitest'
import type { AnyTool } from '#agent/tool.ts'
import { ChatProgram } from '#chat/chat-program.ts'
import { Keymap } from '#chat/input/keymap.ts'
import { calls, recordedModel, says } from '../agent/recorded-model.ts'
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
