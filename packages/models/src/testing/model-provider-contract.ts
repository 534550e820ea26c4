import { CortexError } from '@cortex-runtime/core';
import { describe, expect, it, onTestFinished } from 'vitest';

import type { ModelProvider, ModelRequest } from '../model-provider.ts';
import { collectAnswer } from './collect-answer.ts';

/** A provider that answers the requests of the suite. */
export interface ModelProviderFixture {
  provider: ModelProvider;
  /** Gets a text of more than one word. */
  textRequest: ModelRequest;
  /** Gets a call of the tool `lookup` with `{ "id": "42" }`, once. */
  toolRequest: ModelRequest;
  close?(): Promise<void>;
}

/** The promises of {@link ModelProvider}, for every adapter. */
export function describeModelProviderContract(name: string, open: () => Promise<ModelProviderFixture>): void {
  describe(`${name} keeps the contract of a model provider`, () => {
    const opened = async () => {
      const fixture = await open();
      onTestFinished(() => fixture.close?.());
      return fixture;
    };

    it('has the model id of manifests', async () => {
      const { provider } = await opened();
      expect(provider.modelId).toMatch(/^[a-z][a-z0-9-]*:.+/);
    });

    it('streams text in pieces and finishes once, last', async () => {
      const { provider, textRequest } = await opened();
      const { chunks, text } = await collectAnswer(provider.stream(textRequest));
      expect(chunks.filter((chunk) => chunk.type === 'text').length).toBeGreaterThan(1);
      expect(text.trim()).not.toBe('');
      expect(chunks.filter((chunk) => chunk.type === 'finish')).toHaveLength(1);
      expect(chunks.at(-1)).toMatchObject({ type: 'finish', reason: 'stop' });
    });

    it('counts tokens, the cached ones among the input', async () => {
      const { provider, textRequest } = await opened();
      const { finish } = await collectAnswer(provider.stream(textRequest));
      const usage = finish?.usage;
      expect(usage?.inputTokens).toBeGreaterThan(0);
      expect(usage?.outputTokens).toBeGreaterThan(0);
      expect(usage?.cachedInputTokens).toBeLessThanOrEqual(usage?.inputTokens ?? -1);
    });

    it('delivers tool calls complete, with ids, and says that it finished for them', async () => {
      const { provider, toolRequest } = await opened();
      const { toolCalls, finish } = await collectAnswer(provider.stream(toolRequest));
      expect(toolCalls).toMatchObject([{ name: 'lookup', arguments: { id: '42' } }]);
      expect(toolCalls[0]?.id).not.toBe('');
      expect(finish?.reason).toBe('tool_calls');
    });

    it('can be asked again after an answer', async () => {
      const { provider, textRequest } = await opened();
      const first = await collectAnswer(provider.stream(textRequest));
      const second = await collectAnswer(provider.stream(textRequest));
      expect(second.text).toBe(first.text);
    });

    it('throws instead of answering when the signal is already aborted', async () => {
      const { provider, textRequest } = await opened();
      const error: unknown = await collectAnswer(provider.stream({ ...textRequest, signal: AbortSignal.abort() })).catch((thrown: unknown) => thrown);
      expect(CortexError.is(error) && error.code).toBe('MODEL_ABORTED');
    });

    it('throws when the signal is aborted in the middle of an answer', async () => {
      const { provider, textRequest } = await opened();
      const controller = new AbortController();
      const read = async () => {
        for await (const _chunk of provider.stream({ ...textRequest, signal: controller.signal })) controller.abort();
      };
      const error: unknown = await read().catch((thrown: unknown) => thrown);
      expect(CortexError.is(error) && error.code).toBe('MODEL_ABORTED');
    });
  });
}
