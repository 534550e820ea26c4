import type { Clock, Disk, Logger, Net, Random } from '@cortex-runtime/core';
import { z } from 'zod';

/** How a model is called. Durations are milliseconds. */
export const ModelProviderOptions = z.strictObject({
  /** Base URL of the endpoint; the provider's own, or the one in its environment variable, when left out. */
  baseUrl: z.string().min(1).optional(),
  /** Key of the provider, or a `${NAME}` reference to an environment variable; the provider's usual variable when left out. */
  apiKey: z.string().min(1).optional(),
  /** One attempt is given up after this time, answer and all. */
  timeoutMs: z.number().positive().default(120_000),
  /** Times a call is tried again after 408, 429, 5xx or a failed connection, as long as no part of an answer has come. */
  maxRetries: z.int().min(0).max(10).default(2),
  /** Wait before the first retry; it doubles, with jitter. */
  retryBaseMs: z.number().positive().default(500),
  /** The longest wait before a retry. When the provider asks for more, the call fails with `retryAfterMs` instead. */
  retryMaxMs: z.number().positive().default(30_000),
  /** Used when a request says nothing about it. */
  temperature: z.number().min(0).max(2).optional(),
  /** Used when a request says nothing about it. */
  maxOutputTokens: z.int().min(1).optional(),
});
export type ModelProviderOptions = z.input<typeof ModelProviderOptions>;

/** Complete options. */
export type ModelProviderSettings = z.output<typeof ModelProviderOptions>;

/** What providers work with. */
export interface ModelProviderDeps {
  net: Net;
  clock: Clock;
  random: Random;
  logger: Logger;
  disk: Disk;
  /** Environment variables: keys and base URLs by their usual names. */
  environment: Readonly<Record<string, string | undefined>>;
  /** Relative paths, such as that of a script, start here: the folder of the manifest. */
  baseDirectory: string;
}
