/** Prices of a million tokens, in `currency`, by model. */
export interface Prices {
  readonly currency: string
  readonly perMillion: Readonly<Record<string, { readonly input: number; readonly output: number }>>
}

export interface Cost {
  readonly input: number
  readonly output: number
}

/** What a request cost; nothing for a model without a price. */
export function costOf(prices: Prices, model: string, promptTokens: number, completionTokens: number): Cost {
  const price = Object.hasOwn(prices.perMillion, model) ? prices.perMillion[model] : undefined
  if (price === undefined) return { input: 0, output: 0 }
  return { input: (promptTokens * price.input) / 1e6, output: (completionTokens * price.output) / 1e6 }
}
