import type * as z from 'zod/mini'
import { ToolError } from '#agent/tool.ts'
import type { JsonObject } from '#storage/contract/json.ts'
import { jsonSchema } from './json-schema.ts'

/** The JSON Schema of a tool's arguments, as the model is told it. */
export function parametersOf(schema: z.ZodMiniObject): Readonly<Record<string, unknown>> {
  return jsonSchema(schema)
}

/** The arguments, checked. `null` stands for "left out", as several models write it. Throws a ToolError. */
export function parseWith<T extends z.ZodMiniObject>(schema: T, args: JsonObject): z.output<T> {
  const given = Object.fromEntries(Object.entries(args).filter(([, value]) => value !== null))
  const result = schema.safeParse(given)
  if (result.success) return result.data
  throw new ToolError(
    `the arguments are not accepted: ${result.error.issues.map((issue) => wordsOf(issue, given)).join('; ')}`,
  )
}

function wordsOf(issue: z.core.$ZodIssue, args: JsonObject): string {
  const name = issue.path.join('.')
  switch (issue.code) {
    case 'invalid_type':
      return name in args ? `${name} must be of type ${issue.expected}` : `${name} is missing`
    case 'invalid_value':
      return `${name} must be one of ${issue.values.join(', ')}`
    case 'too_small':
      return `${name} must be at least ${issue.minimum}${issue.origin === 'string' ? ' character long' : ''}`
    case 'too_big':
      return `${name} must be at most ${issue.maximum}`
    default:
      return `${name} is wrong`
  }
}
