import { InvalidInputError } from '@cortex-runtime/core';

import type { ModelUsage } from './model-provider.ts';
import { knownPrices } from './known-prices.ts';

/** USD per million tokens. */
export interface ModelPrice {
  input: number;
  /** Input that the provider served from its cache; `input` when left out. */
  cachedInput?: number;
  output: number;
}

/** What calls cost. */
export interface PriceTable {
  /** Undefined when the model has no price here. */
  priceOf(modelId: string): ModelPrice | undefined;
  /** USD of one call; undefined when the model has no price here, which is not the same as 0. */
  costOf(modelId: string, usage: ModelUsage): number | undefined;
}

/**
 * The built-in prices (see `pricesAsOf`) with `overrides` laid over them. Keys are model ids as in manifests, or end in `*` for all that
 * begin so; the most exact key wins. A dated snapshot such as `openai:gpt-5-2025-08-07` costs what its family costs. `scripted:` is free.
 *
 * @throws InvalidInputError when a price is negative or not finite
 */
export function priceTable(overrides: Readonly<Record<string, ModelPrice>> = {}): PriceTable {
  const prices = new Map<string, ModelPrice>([...Object.entries(knownPrices), ...Object.entries(overrides)]);
  for (const [modelId, price] of Object.entries(overrides)) {
    for (const part of ['input', 'cachedInput', 'output'] as const) {
      const value = price[part];
      if (value === undefined && part === 'cachedInput') continue;
      if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) throw new InvalidInputError(`prices[${JSON.stringify(modelId)}].${part}`, `must be USD per million tokens, got ${String(value)}`);
    }
  }
  const patterns = [...prices.keys()].filter((key) => key.endsWith('*')).map((key) => key.slice(0, -1)).sort((a, b) => b.length - a.length);

  const priceOf = (modelId: string): ModelPrice | undefined => {
    const family = modelId.replace(/(-\d{8}|-\d{4}-\d{2}-\d{2}|-latest|@\d{8})$/, '');
    const pattern = patterns.find((prefix) => modelId.startsWith(prefix));
    return prices.get(modelId) ?? prices.get(family) ?? (pattern === undefined ? undefined : prices.get(`${pattern}*`));
  };
  return {
    priceOf,
    costOf(modelId, usage) {
      const price = priceOf(modelId);
      if (price === undefined) return undefined;
      const cached = Math.min(usage.cachedInputTokens, usage.inputTokens);
      return ((usage.inputTokens - cached) * price.input + cached * (price.cachedInput ?? price.input) + usage.outputTokens * price.output) / 1_000_000;
    },
  };
}
