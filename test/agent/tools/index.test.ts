import { describe, expect, it } from 'vitest'
import { createTools, type ToolDependencies } from '#agent/tools/index.ts'
import { Sandbox } from '#agent/tools/sandbox.ts'
import { TodoList } from '#agent/tools/todo-write.ts'
import { memoryStores } from '../headless-options.ts'

const { plans, scheduledJobs: jobs } = memoryStores()
const sandbox = new Sandbox({ cwd: '/', directories: ['.'], protectedPaths: [] })
const file = { sandbox, cwd: '/', requireApproval: false }
const all: ToolDependencies = {
  read: { ...file, plans },
  write: file,
  edit: file,
  delete: file,
  grep: { ...file, searchPath: undefined },
  tree: file,
  bash: {
    mode: 'standard',
    allow: ['ls'],
    sandbox,
    timeoutMs: 1_000,
    cwd: '/',
    env: {},
    hiddenVariables: new Set(),
    attended: false,
  },
  todoWrite: { todos: new TodoList(), requireApproval: false },
  webFetch: { allowedDomains: [], maxSize: 1, timeoutMs: 1, allowRedirect: false, requireApproval: true },
  askUserQuestion: { ask: undefined },
  requestPlanApproval: { plans, approver: undefined },
  schedule: {
    jobs,
    backend: { type: 'sqlite', shared: true },
    insideRun: false,
    origin: undefined,
    timezone: 'UTC',
    maxJobs: 1,
    requireApproval: true,
    now: async () => new Date(),
    runNow: async () => null,
  },
}
const names = (mode: 'standard' | 'plan' | 'auto', given = all) => createTools(mode, given, {}).map(({ name }) => name)

const EVERYTHING = [
  ...['Read', 'Write', 'Edit', 'Delete', 'Grep', 'Tree', 'Bash', 'TodoWrite', 'WebFetch', 'AskUserQuestion'],
  ...['RequestPlanApproval', 'Schedule'],
]

describe('createTools', () => {
  it('gives each mode its tools', () => {
    const working = EVERYTHING.filter((name) => name !== 'RequestPlanApproval')
    expect(names('standard')).toEqual(working)
    expect(names('auto')).toEqual(working)
    expect(names('plan')).toEqual(['Read', 'Grep', 'Tree', 'TodoWrite', 'AskUserQuestion', 'RequestPlanApproval'])
  })

  it('leaves out what is switched off', () => {
    const { schedule: _, bash: __, ...rest } = all
    expect(names('standard', rest)).not.toContain('Bash')
    expect(names('standard', rest)).not.toContain('Schedule')
    expect(names('standard', {})).toEqual([])
  })

  it('takes descriptions of prompts.yaml', () => {
    const [read, write] = createTools('standard', all, { Write: 'other words', Read: '' })
    expect(write?.description).toBe('other words')
    expect(read?.description).toMatch(/^Reads a text file/)
  })

  it('describes arguments by a JSON Schema of an object', () => {
    for (const tool of [...createTools('standard', all, {}), ...createTools('plan', all, {})]) {
      expect(tool.parameters).toMatchObject({ type: 'object', properties: expect.any(Object) })
      expect(tool.parameters).not.toHaveProperty('$schema')
    }
  })
})
