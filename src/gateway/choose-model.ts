import { InferError } from '#errors.ts'
import type { ModelClient } from './model.ts'
import { SCRIPTED_MODEL } from './scripted/model-name.ts'

export interface ModelChoice {
  /** `--model`; empty counts as not given. */
  readonly flag?: string | undefined
  /** `agent.model`; empty counts as not set. */
  readonly configured: string
  /** Asked for its models only when neither names one. */
  readonly client: Pick<ModelClient, 'listModels'>
  readonly scripted: boolean
  readonly signal: AbortSignal
  /** Lets a person choose among several. Without it several models are an error. */
  readonly pick?: (models: readonly string[]) => Promise<string>
}

const NAMED_MODELS = 5

/**
 * The model to talk to: the flag, else the configuration, else the only one that the gateway lists, else the scripted
 * gateway's, else what `pick` answers.
 *
 * Throws E_USAGE that names up to five models when there is nobody to ask, and whatever `listModels` throws.
 */
export async function chooseModel(choice: ModelChoice): Promise<string> {
  const named = choice.flag || choice.configured
  if (named) return named
  const models = await choice.client.listModels(choice.signal)
  const [only] = models
  if (only !== undefined && models.length === 1) return only
  if (choice.scripted) return SCRIPTED_MODEL
  if (only === undefined) {
    throw new InferError('E_USAGE', 'No model is set, and the gateway lists none.', {
      hint: 'Give one of its providers a key, or name a model: infer config set agent.model NAME',
    })
  }
  if (choice.pick) return choice.pick(models)
  const shown = models.slice(0, NAMED_MODELS).join(', ')
  const more = models.length > NAMED_MODELS ? ` and ${models.length - NAMED_MODELS} more` : ''
  throw new InferError('E_USAGE', `No model is set, and the gateway lists several: ${shown}${more}.`, {
    hint: 'Choose one: infer config set agent.model NAME, or --model NAME',
  })
}
