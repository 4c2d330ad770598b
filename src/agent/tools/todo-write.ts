import * as z from 'zod/mini'
import { cleanText } from '#agent/clean-text.ts'
import { type Tool, ToolError } from '#agent/tool.ts'
import { parametersOf, parseWith } from './arguments.ts'

const STATUSES = ['pending', 'in_progress', 'completed'] as const
const MAX_TODOS = 100
const MAX_CONTENT = 1_000

const schema = z.object({
  todos: z
    .array(
      z.object({
        id: z.optional(z.string().check(z.describe('Name of the task in this list. Default: its number.'))),
        content: z.string().check(z.minLength(1), z.describe('What is to be done, in one sentence.')),
        status: z.enum(STATUSES).check(z.describe('pending, in_progress (one at a time) or completed.')),
      }),
    )
    .check(z.describe('The whole list, in order. It replaces the list before; an empty one clears it.')),
})

type Arguments = z.output<typeof schema>

export interface Todo {
  readonly id: string
  readonly content: string
  readonly status: (typeof STATUSES)[number]
}

/** The tasks of a session, for the tool and for whoever shows them. */
export class TodoList {
  #todos: readonly Todo[] = []

  get(): readonly Todo[] {
    return this.#todos
  }

  set(todos: readonly Todo[]): void {
    this.#todos = todos
  }
}

export interface TodoWriteDependencies {
  readonly todos: Pick<TodoList, 'set'>
  readonly requireApproval: boolean
}

/** Replaces the session's list of tasks. */
export function todoWriteTool({ todos, requireApproval }: TodoWriteDependencies): Tool<Arguments> {
  return {
    name: 'TodoWrite',
    description:
      'Writes down the tasks of this session, for work of three steps or more. Send the whole list each time; mark a ' +
      'task in_progress before it is begun (one at a time) and completed as soon as it is done.',
    parameters: parametersOf(schema),
    approvalKey: 'tools.todo_write.require_approval',
    parse: (args) => parseWith(schema, args),
    needsApproval: () => requireApproval,
    prepare: async (args) => {
      todosOf(args)
      return undefined
    },
    run: async (args) => {
      const list = todosOf(args)
      todos.set(list)
      const of = (status: Todo['status']) => list.filter((one) => one.status === status).length
      return {
        data: {
          todos: list.map(({ id, content, status }) => ({ id, content, status })),
          total: list.length,
          completed: of('completed'),
          in_progress: of('in_progress'),
        },
      }
    },
  }
}

/** The list with an id for each; throws a ToolError for one that makes no sense. */
function todosOf({ todos }: Arguments): Todo[] {
  if (todos.length > MAX_TODOS) throw new ToolError(`the list has ${todos.length} tasks; at most ${MAX_TODOS} are kept`)
  const given = new Set(todos.map(({ id }) => id))
  let number = 0
  const list = todos.map(({ id, content, status }): Todo => {
    const text = cleanText(content).trim()
    if (text === '') throw new ToolError('a task has no content')
    if (text.length > MAX_CONTENT) throw new ToolError(`a task has more than ${MAX_CONTENT} characters`)
    if (id !== undefined && id !== '') return { id: cleanText(id), content: text, status }
    do number += 1
    while (given.has(String(number)))
    return { id: String(number), content: text, status }
  })
  const twice = list.find(({ id }, index) => list.findIndex((one) => one.id === id) < index)
  if (twice) throw new ToolError(`two tasks have the id ${twice.id}`)
  const running = list.filter(({ status }) => status === 'in_progress')
  if (running.length > 1) {
    throw new ToolError(
      `${running.length} tasks are in_progress (${running.map(({ id }) => id).join(', ')}); only one may be at a time`,
    )
  }
  return list
}
