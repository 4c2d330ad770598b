import * as z from 'zod/mini'
import { text } from './fields.ts'
import { GO_PROMPT_KEYS } from './go-keys.ts'
import { inOrder, readLayers } from './layers.ts'
import type { Environment, Surroundings } from './paths.ts'
import { requireValid, stack } from './read-tree.ts'
import { complete, merge, type Tree } from './tree.ts'

/** `prompts.yaml`: texts for the model; empty means the built-in one. Prose: `${VAR}` in it stays as it is. */
export const promptsSchema = z.object({
  agent: z.object({
    systemPrompt: text('', 'Replaces the built-in system prompt.'),
    systemPromptPlan: text('', 'The same in mode plan.'),
    systemPromptAuto: text('', 'The same in mode auto.'),
    systemPromptRemote: text('', 'The same for messages from channels.'),
    customInstructions: text('', 'Added to every system prompt.'),
  }),
  conversation: z.object({
    titleGeneration: z.object({ systemPrompt: text('', 'How titles of conversations are made.') }),
  }),
  tools: z.record(z.string(), z.object({ description: text('', 'What the model is told about the tool.') })),
})

export type PromptSettings = z.output<typeof promptsSchema>

/** Prompts from `INFER_PROMPTS_*`, `./.infer/prompts.yaml`, `~/.infer/prompts.yaml`, in this order. */
export async function loadPrompts(
  surroundings: Surroundings,
): Promise<{ prompts: PromptSettings; warnings: readonly string[] }> {
  const { tools, rest } = toolVariables(surroundings.env)
  const options = { schema: promptsSchema, prefix: 'prompts', ignored: GO_PROMPT_KEYS, substitutes: false }
  const layers = await readLayers('prompts.yaml', options, { ...surroundings, env: rest })
  const merged = requireValid(inOrder(layers).reduce(stack))
  return {
    prompts: complete(promptsSchema, merge(merged.tree, { tools })) as PromptSettings,
    warnings: merged.warnings,
  }
}

/** `INFER_PROMPTS_TOOLS_TODO_WRITE_DESCRIPTION` is the description of TodoWrite: tools have no fixed list here. */
function toolVariables(env: Environment): { tools: Tree; rest: Environment } {
  const tools: Tree = {}
  const rest: Record<string, string | undefined> = {}
  for (const [name, value] of Object.entries(env)) {
    const tool = /^INFER_PROMPTS_TOOLS_([A-Z0-9_]+)_DESCRIPTION$/.exec(name)?.[1]
    if (tool === undefined) rest[name] = value
    else if (value !== undefined && value !== '') tools[toolName(tool)] = { description: value }
  }
  return { tools, rest }
}

const toolName = (upper: string) =>
  upper.toLowerCase().replace(/(^|_)([a-z0-9])/g, (_, __, letter: string) => letter.toUpperCase())
