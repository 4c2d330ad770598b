import { describe, expect, it } from 'vitest'
import { TodoList, todoWriteTool } from '#agent/tools/todo-write.ts'
import type { JsonValue } from '#storage/contract/json.ts'
import { callTool } from './call-tool.ts'

const todos = new TodoList()
const tool = todoWriteTool({ todos, requireApproval: false })
const write = (list: JsonValue) => callTool(tool, { todos: list })

describe('TodoWrite', () => {
  it('keeps the list and returns it', async () => {
    const list = [
      { content: 'Read', status: 'completed' },
      { id: 'w', content: ' Write ', status: 'in_progress' },
      { id: '2', content: 'Check', status: 'pending' },
      { content: 'Tell', status: 'pending' },
    ]
    const kept = [
      { id: '1', content: 'Read', status: 'completed' },
      { id: 'w', content: 'Write', status: 'in_progress' },
      { id: '2', content: 'Check', status: 'pending' },
      { id: '3', content: 'Tell', status: 'pending' },
    ]
    expect(await write(list)).toEqual({ todos: kept, total: 4, completed: 1, in_progress: 1 })
    expect(todos.get()).toEqual(kept)
    await write([])
    expect(todos.get()).toEqual([])
  })

  it.each([
    [
      [
        { content: 'a', status: 'in_progress' },
        { content: 'b', status: 'in_progress' },
      ],
      '2 tasks are in_progress (1, 2)',
    ],
    [
      [
        { id: 'a', content: 'a', status: 'pending' },
        { id: 'a', content: 'b', status: 'pending' },
      ],
      'two tasks have the id a',
    ],
    [[{ content: 'a', status: 'done' }], 'todos.0.status must be one of pending, in_progress, completed'],
    [[{ status: 'pending' }], 'todos.0.content'],
    [[{ content: '  ', status: 'pending' }], 'a task has no content'],
    [Array.from({ length: 101 }, () => ({ content: 'a', status: 'pending' })), 'the list has 101 tasks'],
    ['a', 'todos must be of type array'],
  ])('refuses a list that makes no sense and keeps the one before (%#)', async (list, message) => {
    await write([{ content: 'before', status: 'pending' }])
    await expect(write(list)).rejects.toThrow(message)
    expect(todos.get()).toMatchObject([{ content: 'before' }])
  })
})
