import { describe, expect, it } from 'vitest'
import { type ApprovalRules, type Approver, authoriseBy, type Verdict } from '#agent/approval.ts'
import { testTool } from './test-tool.ts'

const call = { id: 'c1', type: 'function' as const, function: { name: 'Test', arguments: '{}' } }
const asking = (needs: boolean) => testTool(() => ({ data: null }), { needsApproval: () => needs })

interface Who {
  user?: boolean
  pipes?: boolean
}

/** Which approver was asked, or what was decided without one. */
async function outcome(mode: ApprovalRules['mode'], behaviour: ApprovalRules['behaviour'], who: Who, needs = true) {
  const asked: string[] = []
  const approver =
    (name: string): Approver =>
    async () => {
      asked.push(name)
      return { approved: true }
    }
  const authorise = authoriseBy({
    mode,
    behaviour,
    ...(who.user && { user: approver('user') }),
    ...(who.pipes && { pipes: approver('pipes') }),
  })
  const verdict = await authorise(
    { call, tool: asking(needs), args: {}, description: undefined },
    new AbortController().signal,
  )
  return asked[0] ?? verdict.kind
}

describe('modes and approval', () => {
  it.each([
    ['standard', 'prompt', { user: true, pipes: true }, 'user'],
    ['standard', 'prompt', { pipes: true }, 'pipes'],
    ['standard', 'prompt', {}, 'blocked'],
    ['standard', 'ipc', { user: true, pipes: true }, 'pipes'],
    ['standard', 'ipc', { user: true }, 'blocked'],
    ['standard', 'block', { user: true, pipes: true }, 'blocked'],
    ['plan', 'prompt', { user: true }, 'allowed'],
    ['plan', 'block', {}, 'allowed'],
    ['auto', 'prompt', { user: true }, 'allowed'],
    ['auto', 'block', {}, 'allowed'],
  ] as const)('%s, %s, %o: %s', async (mode, behaviour, who, expected) => {
    expect(await outcome(mode, behaviour, who)).toBe(expected)
  })

  it('asks nobody about a call that needs no approval', async () => {
    expect(await outcome('standard', 'prompt', { user: true }, false)).toBe('allowed')
    expect(await outcome('standard', 'block', {}, false)).toBe('allowed')
  })

  it('names --mode auto and the exact key when it blocks', async () => {
    const authorise = authoriseBy({ mode: 'standard', behaviour: 'prompt' })
    const verdict: Verdict = await authorise(
      { call, tool: asking(true), args: {}, description: undefined },
      new AbortController().signal,
    )
    expect(verdict).toEqual({
      kind: 'blocked',
      reason:
        'Test needs approval and nobody can be asked here. To allow it, run with --mode auto or set ' +
        'tools.test.require_approval to false.',
    })
  })

  it('passes a refusal and its words on', async () => {
    const user: Approver = async () => ({ approved: false, feedback: 'later' })
    const authorise = authoriseBy({ mode: 'standard', behaviour: 'prompt', user })
    const question = { call, tool: asking(true), args: {}, description: 'what it does' }
    expect(await authorise(question, new AbortController().signal)).toEqual({ kind: 'rejected', feedback: 'later' })
  })
})
