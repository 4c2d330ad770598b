import { expect, test } from 'vitest'
import * as z from 'zod/mini'
import { parametersOf } from '#agent/tools/arguments.ts'
import { jsonSchema } from '#agent/tools/json-schema.ts'
import { runSchema, schema } from '#agent/tools/schedule-arguments.ts'

const text = z.string().check(z.minLength(1), z.maxLength(9), z.describe('A text.'))
const CASES: readonly z.ZodMiniObject[] = [
  schema,
  runSchema,
  z.object({}),
  z.object({ text, maybe: z.optional(text), outer: z.optional(z.string()).check(z.describe('From outside.')) }),
  z.object({ both: z.optional(text).check(z.describe('The outer one counts.')) }),
  z.object({ flag: z.boolean(), choice: z.enum(['a', 'b']).check(z.describe('One of them.')) }),
  z.object({
    whole: z.int(),
    most: z.int().check(z.gte(1), z.lte(5), z.describe('A few.')),
    from: z.optional(z.int().check(z.gte(0))),
    part: z.number(),
    above: z.number().check(z.gt(0)),
    below: z.number().check(z.lt(0)),
  }),
  z.object({
    list: z.array(z.object({ text, state: z.enum(['open', 'done']) })).check(z.describe('Some.')),
    few: z.array(z.string()).check(z.minLength(1), z.maxLength(3)),
    any: z.optional(z.array(z.int())),
  }),
]

test('arguments are described to the model as zod would', () => {
  for (const one of CASES) {
    const { $schema: _, ...expected } = z.toJSONSchema(one, { io: 'input' })
    expect(parametersOf(one)).toEqual(expected)
  }
})

test('a kind of argument that nobody has thought of is an error at once', () => {
  expect(() => jsonSchema(z.object({ one: z.union([z.string(), z.int()]) }))).toThrow('no JSON Schema for union')
})
