import type { ModelPrice } from './price-table.ts';

/** The day on which the built-in prices were last compared with what the providers and their trackers publish. Prices change: override what matters to you. */
export const pricesAsOf = '2026-11-21';

const embeddingPrice = (input: number): ModelPrice => ({ input, output: 0 });
const price = (input: number, cachedInput: number, output: number): ModelPrice => ({ input, cachedInput, output });

/**
 * Standard list prices of direct access in USD per million tokens. Where a price depends on the length of the prompt and the dearer band
 * begins below 200,000 tokens, the dearer one stands here, so that a budget is never undercounted.
 */
export const knownPrices: Readonly<Record<string, ModelPrice>> = {
  'scripted:*': price(0, 0, 0),
  'openai:gpt-6-sol': price(2, 0.2, 10),
  'openai:gpt-6.1-sol': price(2, 0.1, 10),
  'openai:gpt-5.5': price(5, 0.5, 30),
  'openai:gpt-5.4': price(2.5, 0.25, 15),
  'openai:gpt-5.4-mini': price(0.75, 0.075, 4.5),
  'openai:gpt-5.4-nano': price(0.2, 0.02, 1.25),
  'openai:gpt-5.3-codex': price(1.75, 0.175, 14),
  'openai:gpt-5.2': price(1.75, 0.175, 14),
  'openai:gpt-5.1': price(1.25, 0.125, 10),
  'openai:gpt-5': price(1.25, 0.125, 10),
  'openai:gpt-5-mini': price(0.25, 0.025, 2),
  'openai:gpt-5-nano': price(0.05, 0.005, 0.4),
  'openai:gpt-4.1': price(2, 0.5, 8),
  'openai:gpt-4.1-mini': price(0.4, 0.1, 1.6),
  'openai:gpt-4.1-nano': price(0.1, 0.025, 0.4),
  'openai:gpt-4o': price(2.5, 1.25, 10),
  'openai:gpt-4o-mini': price(0.15, 0.075, 0.6),
  'anthropic:claude-fable-5-1': price(10, 0.25, 50),
  'anthropic:claude-fable-5': price(10, 1, 50),
  'anthropic:claude-opus-5-5': price(4, 0.2, 20),
  'anthropic:claude-opus-5': price(5, 0.5, 25),
  'anthropic:claude-opus-4-8': price(5, 0.5, 25),
  'anthropic:claude-opus-4-7': price(5, 0.5, 25),
  'anthropic:claude-opus-4-6': price(5, 0.5, 25),
  'anthropic:claude-opus-4-5': price(5, 0.5, 25),
  'anthropic:claude-sonnet-5-5': price(2, 0.1, 10),
  'anthropic:claude-sonnet-5': price(2, 0.2, 10),
  'anthropic:claude-sonnet-4-6': price(3, 0.3, 15),
  'anthropic:claude-sonnet-4-5': price(3, 0.3, 15),
  'anthropic:claude-haiku-5-5': price(0.5, 0.05, 2.5),
  'anthropic:claude-haiku-4-5': price(1, 0.1, 5),
  'google:gemini-3.1-pro-preview': price(2, 0.2, 12),
  'google:gemini-2.5-pro': price(1.25, 0.125, 10),
  'google:gemini-2.5-flash': price(0.3, 0.03, 2.5),
  'google:gemini-2.5-flash-lite': price(0.1, 0.01, 0.4),
  'openai:text-embedding-3-small': embeddingPrice(0.02),
  'openai:text-embedding-3-large': embeddingPrice(0.13),
  'openai:text-embedding-ada-002': embeddingPrice(0.1),
  'google:gemini-embedding-001': embeddingPrice(0.15),
};
