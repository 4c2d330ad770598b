import * as z from 'zod/mini'

type JsonSchema = Record<string, unknown>

/** The definition of a schema of zod, as far as arguments of tools use it. */
interface Definition {
  readonly type: string
  readonly shape?: Readonly<Record<string, z.core.$ZodType>>
  readonly innerType?: z.core.$ZodType
  readonly element?: z.core.$ZodType
  readonly entries?: Readonly<Record<string, string>>
  /** `number_format` of whole numbers. */
  readonly check?: string
  readonly checks?: readonly { readonly _zod: { readonly def: Check } }[]
}

interface Check {
  readonly check: string
  readonly minimum?: number
  readonly maximum?: number
  readonly value?: number
  readonly inclusive?: boolean
}

const definitionOf = (schema: z.core.$ZodType) => schema._zod.def as unknown as Definition

/**
 * The same as zod's own conversion of input, for objects, arrays, texts, numbers, booleans and choices: it is made of
 * every tool at every start, and zod's takes 5 ms for that. Throws for anything else.
 */
export function jsonSchema(schema: z.core.$ZodType): JsonSchema {
  const definition = definitionOf(schema)
  const { innerType } = definition
  const { description } = z.globalRegistry.get(schema) ?? {}
  const inner = definition.type === 'optional' && innerType ? jsonSchema(innerType) : bare(definition)
  return { ...inner, ...(description !== undefined && { description }) }
}

function bare(definition: Definition): JsonSchema {
  const { type, entries = {}, element, shape = {} } = definition
  switch (type) {
    case 'boolean':
      return { type }
    case 'enum':
      return { type: 'string', enum: Object.values(entries) }
    case 'string':
      return { type, ...limitsOf(definition) }
    case 'number':
      return {
        type: definition.check === undefined ? type : 'integer',
        ...WHOLE[definition.check ?? ''],
        ...limitsOf(definition),
      }
    case 'array':
      return { type, ...limitsOf(definition, 'Items'), items: element && jsonSchema(element) }
    case 'object':
      return ofObject(shape)
    default:
      throw new Error(`no JSON Schema for ${type}: add it to json-schema.ts`)
  }
}

const WHOLE: Readonly<Record<string, JsonSchema>> = {
  number_format: { minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER },
}

function limitsOf({ checks = [] }: Definition, of = 'Length'): JsonSchema {
  return Object.assign({}, ...checks.map(({ _zod: { def } }) => limitOf(def, of)))
}

function limitOf({ check, minimum, maximum, value, inclusive }: Check, of: string): JsonSchema {
  switch (check) {
    case 'min_length':
      return { [`min${of}`]: minimum }
    case 'max_length':
      return { [`max${of}`]: maximum }
    case 'greater_than':
      return { [inclusive ? 'minimum' : 'exclusiveMinimum']: value }
    case 'less_than':
      return { [inclusive ? 'maximum' : 'exclusiveMaximum']: value }
    case 'describe':
      return {}
    default:
      throw new Error(`no JSON Schema for ${check}: add it to json-schema.ts`)
  }
}

function ofObject(shape: Readonly<Record<string, z.core.$ZodType>>): JsonSchema {
  const fields = Object.entries(shape)
  const required = fields.filter(([, field]) => definitionOf(field).type !== 'optional').map(([name]) => name)
  return {
    type: 'object',
    properties: Object.fromEntries(fields.map(([name, field]) => [name, jsonSchema(field)])),
    ...(required.length > 0 && { required }),
  }
}
