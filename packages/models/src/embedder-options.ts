import { z } from 'zod';

import type { PriceTable } from './price-table.ts';
import { ModelProviderOptions, type ModelProviderDeps } from './provider-options.ts';
import type { EmbeddingUsage } from './text-embedder.ts';

const { baseUrl, apiKey, timeoutMs, maxRetries, retryBaseMs, retryMaxMs } = ModelProviderOptions.shape;

/** How an embedding model is called. Durations are milliseconds. */
export const EmbedderOptions = z.strictObject({
  baseUrl,
  apiKey,
  timeoutMs,
  maxRetries,
  retryBaseMs,
  retryMaxMs,
  /** Numbers of a vector, where the model lets one choose. */
  dimensions: z.int().min(1).optional(),
  /** Texts of one request; the provider's limit when that is lower. */
  maxTextsPerRequest: z.int().min(1).default(2_048),
  /** Bytes of UTF-8 of all texts of one request; a longer text goes alone. */
  maxBytesPerRequest: z.int().min(1).default(300_000),
  /** Characters of a text that are embedded; what goes beyond a model's window it refuses or ignores. */
  maxTextChars: z.int().min(1).default(8_000),
});
export type EmbedderOptions = z.input<typeof EmbedderOptions>;

/** Complete options. */
export type EmbedderSettings = z.output<typeof EmbedderOptions>;

/** What embedders work with. */
export interface EmbedderDeps extends Pick<ModelProviderDeps, 'net' | 'clock' | 'random' | 'logger' | 'environment'> {
  /** What a request costs; the built-in prices when left out. */
  prices?: PriceTable;
  /** Told of every request that was answered; see `EmbedOptions.onUsage`. */
  onUsage?: (usage: EmbeddingUsage) => void;
}
