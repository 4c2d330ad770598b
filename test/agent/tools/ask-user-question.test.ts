import { describe, expect, it } from 'vitest'
import { type AskUser, askUserQuestionTool } from '#agent/tools/ask-user-question.ts'
import { callTool } from './call-tool.ts'

const questions = [
  {
    question: 'Which database?',
    header: 'Database',
    options: [{ label: 'SQLite', description: 'one file' }, { label: 'PostgreSQL' }],
    multi_select: true,
  },
  { question: 'Which name?' },
]

describe('AskUserQuestion', () => {
  it('puts the questions to the user and returns the answers', async () => {
    const asked: Parameters<AskUser>[] = []
    const ask: AskUser = async (...args) => {
      asked.push(args)
      return [['SQLite', 'PostgreSQL'], ['infer']]
    }
    const { signal } = new AbortController()
    expect(await callTool(askUserQuestionTool({ ask }), { questions }, signal)).toEqual({
      answered: true,
      answers: [
        { question: 'Which database?', answer: ['SQLite', 'PostgreSQL'] },
        { question: 'Which name?', answer: ['infer'] },
      ],
    })
    expect(asked).toEqual([
      [
        [
          {
            question: 'Which database?',
            header: 'Database',
            options: [
              { label: 'SQLite', description: 'one file' },
              { label: 'PostgreSQL', description: undefined },
            ],
            multiSelect: true,
          },
          { question: 'Which name?', header: undefined, options: [], multiSelect: false },
        ],
        signal,
      ],
    ])
  })

  it('says that nobody is attached, and what to do then', async () => {
    const tool = askUserQuestionTool({ ask: undefined })
    expect(tool.needsApproval({ questions })).toBe(false)
    expect(await callTool(tool, { questions })).toEqual({
      answered: false,
      message: expect.stringMatching(/^nobody is attached.*Decide by yourself.*say in your final answer/),
    })
  })

  it('says that the user did not answer', async () => {
    const tool = askUserQuestionTool({ ask: async () => undefined })
    expect(await callTool(tool, { questions })).toMatchObject({
      answered: false,
      message: expect.stringContaining('did not answer'),
    })
  })

  it.each([
    [[], 'questions must be at least 1'],
    [Array.from({ length: 5 }, () => ({ question: 'a' })), 'questions must be at most 4'],
    [[{ question: '' }], 'questions.0.question must be at least 1'],
    [[{ question: 'a', options: [{ label: 'x' }, { label: 'x' }] }], 'two options of "a" are alike'],
  ])('refuses questions that cannot be answered (%#)', async (given, message) => {
    await expect(callTool(askUserQuestionTool({ ask: undefined }), { questions: given })).rejects.toThrow(message)
  })
})
