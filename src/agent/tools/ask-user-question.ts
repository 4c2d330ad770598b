import * as z from 'zod/mini'
import { cleanText } from '#agent/clean-text.ts'
import { type Tool, ToolError } from '#agent/tool.ts'
import { parametersOf, parseWith } from './arguments.ts'

const schema = z.object({
  questions: z
    .array(
      z.object({
        question: z.string().check(z.minLength(1), z.describe('The whole question.')),
        header: z.optional(z.string().check(z.describe('One or two words for it, such as "Database".'))),
        options: z.optional(
          z
            .array(
              z.object({
                label: z.string().check(z.minLength(1), z.describe('The answer, in a few words.')),
                description: z.optional(z.string().check(z.describe('What it means.'))),
              }),
            )
            .check(z.maxLength(6), z.describe('Answers to choose from. The user may always write another one.')),
        ),
        multi_select: z.optional(
          z.boolean().check(z.describe('Whether several options may be chosen. Default: false.')),
        ),
      }),
    )
    .check(z.minLength(1), z.maxLength(4), z.describe('Questions that are asked together.')),
})

type Arguments = z.output<typeof schema>

export interface Question {
  readonly question: string
  /** One or two words. */
  readonly header: string | undefined
  /** Empty: the answer is written. A written answer is possible in any case. */
  readonly options: readonly { readonly label: string; readonly description: string | undefined }[]
  readonly multiSelect: boolean
}

/** What was chosen or written; empty when the question was passed over. */
export type Answer = readonly string[]

/**
 * Puts questions to the user: an answer for each, in their order, or undefined when the user wants to answer none.
 * Rejects when the signal is aborted.
 */
export type AskUser = (questions: readonly Question[], signal: AbortSignal) => Promise<readonly Answer[] | undefined>

export interface AskUserQuestionDependencies {
  /** The user at the chat, if there is one. */
  readonly ask: AskUser | undefined
}

const NOBODY =
  'nobody is attached to this session, so there is no answer. Decide by yourself: take the option that is easiest to ' +
  'undo, go on, and say in your final answer what you decided and why.'

/** Asks the user something that the work depends on. */
export function askUserQuestionTool({ ask }: AskUserQuestionDependencies): Tool<Arguments> {
  return {
    name: 'AskUserQuestion',
    description:
      'Asks the user one to four questions, with options to choose from where there are any. Only for decisions that ' +
      'you cannot make by reading or by good judgement.',
    parameters: parametersOf(schema),
    parse: (args) => parseWith(schema, args),
    needsApproval: () => false,
    prepare: async (args) => {
      questionsOf(args)
      return undefined
    },
    run: async (args, { signal }) => {
      const questions = questionsOf(args)
      if (ask === undefined) return { data: { answered: false, message: NOBODY } }
      const answers = await ask(questions, signal)
      if (answers === undefined) {
        return {
          data: { answered: false, message: 'the user did not answer; ask in other words or decide by yourself' },
        }
      }
      return {
        data: {
          answered: true,
          answers: questions.map(({ question }, index) => ({ question, answer: [...(answers[index] ?? [])] })),
        },
      }
    },
  }
}

function questionsOf({ questions }: Arguments): Question[] {
  return questions.map(({ question, header, options = [], multi_select: multiSelect = false }) => {
    const labels = options.map(({ label }) => label)
    if (new Set(labels).size < labels.length)
      throw new ToolError(`two options of ${JSON.stringify(question)} are alike`)
    return {
      question: cleanText(question),
      header: header === undefined ? undefined : cleanText(header),
      options: options.map(({ label, description }) => ({
        label: cleanText(label),
        description: description === undefined ? undefined : cleanText(description),
      })),
      multiSelect,
    }
  })
}
