import type { ModelClient, ModelEvent, ModelRequest } from '#gateway/model.ts'
import { type RecordedModel, type RecordedTurn, recordedModel } from './recorded-model.ts'

export interface ErrandModel extends RecordedModel {
  /** Requests for titles and summaries. */
  readonly errands: ModelRequest[]
}

/** A recorded model that answers requests for titles and summaries apart from the turns. */
export function errandModel(
  errand: (request: ModelRequest) => AsyncIterable<ModelEvent> | readonly ModelEvent[],
  turns: readonly RecordedTurn[],
  contextWindow?: ModelClient['contextWindow'],
): ErrandModel {
  const recorded = recordedModel(...turns)
  const errands: ModelRequest[] = []
  return {
    ...recorded,
    errands,
    async *stream(request) {
      if (request.purpose === undefined) return yield* recorded.stream(request)
      errands.push(request)
      request.signal.throwIfAborted()
      yield* errand(request)
    },
    ...(contextWindow && { contextWindow }),
  }
}
