import { describe, expect, it } from 'vitest'
import type { Approver } from '#agent/approval.ts'
import { requestPlanApprovalTool } from '#agent/tools/request-plan-approval.ts'
import { memoryStores } from '../headless-options.ts'

const call = { id: 'c', type: 'function' as const, function: { name: 'RequestPlanApproval', arguments: '' } }
const body = Array.from({ length: 20 }, (_, index) => `line ${index + 1}`).join('\n')

async function request(args: { title: string; plan: string }, approver?: Approver, planFile?: (id: string) => string) {
  const { plans } = memoryStores()
  const tool = requestPlanApprovalTool({ plans, approver, planFile })
  const result = await tool.run(tool.parse(args), { signal: new AbortController().signal, call })
  return { result, stored: (await plans.list()).plans[0] }
}

describe('RequestPlanApproval', () => {
  it('stores the plan and ends the run with its URI when nobody is there', async () => {
    const { result, stored } = await request({ title: 'Build\n it ', plan: body })
    expect(stored).toMatchObject({ title: 'Build it', body })
    const uri = `infer://plans/${stored?.id}`
    expect(result.endsRun?.split('\n')[0]).toBe(uri)
    expect(result.data).toMatchObject({ uri, title: 'Build it', approved: false })
    expect(result.data).toMatchObject({
      preview: expect.stringMatching(/^# Build it\n\nline 1\n.*line 8\n… \(20 lines\)$/s),
    })
    expect(result.data).not.toHaveProperty('file_path')
  })

  it('says where the file is on a backend that keeps files', async () => {
    const { result, stored } = await request({ title: 'T', plan: 'p' }, undefined, (id) => `/plans/${id}.md`)
    expect(result.data).toMatchObject({ file_path: `/plans/${stored?.id}.md` })
  })

  it('asks who is there: accepted ends the run, refused goes back with its words', async () => {
    const accepted = await request({ title: 'T', plan: 'p' }, async () => ({ approved: true }))
    expect(accepted.result).toMatchObject({ data: { approved: true }, endsRun: expect.stringMatching(/^infer:/) })
    const refused = await request({ title: 'T', plan: 'p' }, async () => ({ approved: false, feedback: 'shorter' }))
    expect(refused.result).toMatchObject({ rejected: { feedback: 'shorter' } })
    expect(refused.result.endsRun).toBeUndefined()
    expect(refused.stored).toBeDefined()
  })

  it('stores what a model garbled', async () => {
    const { stored } = await request({ title: 'a\0b', plan: 'x\ud800' })
    expect(stored).toMatchObject({ title: 'a\ufffdb', body: 'x\ufffd' })
  })
})
