import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { priceTable } from './price-table.ts';

const usage = (inputTokens: number, outputTokens: number, cachedInputTokens = 0) => ({ inputTokens, outputTokens, cachedInputTokens });

describe('priceTable', () => {
  it('prices fresh input, cached input and output apart', () => {
    const prices = priceTable({ 'openai:test': { input: 10, cachedInput: 1, output: 100 } });
    expect(prices.costOf('openai:test', usage(1_000_000, 10_000, 400_000))).toBeCloseTo(6 + 0.4 + 1, 10);
  });

  it('takes cached input at the full price when it has no price of its own', () => {
    expect(priceTable({ 'a:b': { input: 10, output: 0 } }).costOf('a:b', usage(100_000, 0, 100_000))).toBeCloseTo(1, 10);
  });

  it('does not guess: a model without a price has no cost', () => {
    expect(priceTable().costOf('openai-compatible:qwen3:8b', usage(1, 1))).toBeUndefined();
  });

  it('prices a dated snapshot as its family, unless it has a price of its own', () => {
    expect(priceTable().priceOf('openai:gpt-5-mini-2025-08-07')).toEqual(priceTable().priceOf('openai:gpt-5-mini'));
    expect(priceTable().priceOf('anthropic:claude-haiku-4-5-20251001')).toEqual(priceTable().priceOf('anthropic:claude-haiku-4-5'));
    expect(priceTable({ 'openai:gpt-5-mini-2025-08-07': { input: 7, output: 7 } }).priceOf('openai:gpt-5-mini-2025-08-07')?.input).toBe(7);
  });

  it('lets an override win over the built-in price, and the longest pattern over the shorter', () => {
    const prices = priceTable({ 'openai:gpt-5-mini': { input: 1, output: 1 }, 'openai-compatible:*': { input: 0, output: 0 }, 'openai-compatible:big*': { input: 9, output: 9 } });
    expect(prices.priceOf('openai:gpt-5-mini')?.input).toBe(1);
    expect(prices.priceOf('openai-compatible:small')?.input).toBe(0);
    expect(prices.priceOf('openai-compatible:big-1')?.input).toBe(9);
  });

  it('gives scripted answers away', () => {
    expect(priceTable().costOf('scripted:./demo.yaml', usage(5_000, 5_000))).toBe(0);
  });

  it('refuses a price that is none, naming it', () => {
    expect(() => priceTable({ 'a:b': { input: -1, output: 1 } })).toThrow('prices["a:b"].input');
    expect(() => priceTable({ 'a:b': { input: 1, output: Number.NaN } })).toThrow('prices["a:b"].output');
  });

  it('never costs less for more tokens, and never a negative amount', () => {
    const tokens = fc.integer({ min: 0, max: 10_000_000 });
    fc.assert(
      fc.property(tokens, tokens, tokens, tokens, (input, output, cached, more) => {
        const costOf = (inputTokens: number, outputTokens: number) => priceTable().costOf('openai:gpt-5-mini', usage(inputTokens, outputTokens, cached)) ?? Number.NaN;
        expect(costOf(input, output)).toBeGreaterThanOrEqual(0);
        expect(costOf(input + more, output)).toBeGreaterThanOrEqual(costOf(input, output));
        expect(costOf(input, output + more)).toBeGreaterThanOrEqual(costOf(input, output));
      }),
    );
  });
});
