import { CortexError } from '@cortex-runtime/core';
import { describe, expect, it, onTestFinished } from 'vitest';

import { createModelProvider, type ModelProviderDeps, type ModelProviderOptions, type ModelRequest } from '../src/index.ts';
import { collectAnswer, describeModelProviderContract } from '../src/testing/index.ts';
import { startFakeModelServer, type FakeModelCall, type FakeModelReply, type FakeModelServer } from '../src/testing/fake-model-server/index.ts';
import { impatientClock, modelDeps, recordingLogger } from './model-deps.ts';

const key = 'canary 0123456789abcdef without the shape of a key';

const hosted = [
  { modelId: 'openai:gpt-5-mini', protocol: 'openai-responses', keyVariable: 'OPENAI_API_KEY', baseUrl: (server: FakeModelServer) => server.baseUrl },
  { modelId: 'anthropic:claude-sonnet-4-5', protocol: 'anthropic-messages', keyVariable: 'ANTHROPIC_API_KEY', baseUrl: (server: FakeModelServer) => server.baseUrl },
  { modelId: 'google:gemini-2.5-flash', protocol: 'gemini', keyVariable: 'GEMINI_API_KEY', baseUrl: (server: FakeModelServer) => server.geminiBaseUrl },
  { modelId: 'openai-compatible:qwen3:8b', protocol: 'chat-completions', keyVariable: 'OPENAI_COMPATIBLE_API_KEY', baseUrl: (server: FakeModelServer) => server.baseUrl },
] as const;

const lookup = { name: 'lookup', description: 'Finds an order.', inputSchema: { type: 'object', properties: { id: { type: 'string' } }, required: ['id'] } };
const hello: ModelRequest = { messages: [{ role: 'system', content: 'Be brief.' }, { role: 'user', content: 'hello' }], tools: [] };

async function open(entry: (typeof hosted)[number], respond?: (call: FakeModelCall) => FakeModelReply, options: ModelProviderOptions = {}, deps: Partial<ModelProviderDeps> = {}) {
  const server = await startFakeModelServer(respond === undefined ? {} : { respond });
  onTestFinished(() => server.close());
  const provider = await createModelProvider(entry.modelId, modelDeps({ environment: { [entry.keyVariable]: key }, ...deps }), { baseUrl: entry.baseUrl(server), ...options });
  return { server, provider };
}

const failure = async (work: Promise<unknown>): Promise<CortexError> => {
  const error: unknown = await work.then(() => new Error('it did not fail'), (thrown: unknown) => thrown);
  if (!CortexError.is(error)) throw error;
  return error;
};

for (const entry of hosted) {
  describeModelProviderContract(entry.modelId, async () => {
    const server = await startFakeModelServer({ respond: (call) => (call.tools.length > 0 ? { toolCalls: [{ name: 'lookup', arguments: { id: '42' } }] } : { text: 'Hello there, this is an answer in several pieces.' }) });
    const provider = await createModelProvider(entry.modelId, modelDeps({ environment: { [entry.keyVariable]: key } }), { baseUrl: entry.baseUrl(server) });
    return { provider, textRequest: hello, toolRequest: { ...hello, tools: [lookup] }, close: () => server.close() };
  });

  describe(entry.modelId, () => {
    it('speaks the protocol of its provider and sends the idempotency key', async () => {
      const { server, provider } = await open(entry);
      await collectAnswer(provider.stream({ ...hello, idempotencyKey: 'effect-7' }));
      expect(server.calls).toMatchObject([{ protocol: entry.protocol, idempotencyKey: 'effect-7', messages: [{ role: 'system', content: 'Be brief.' }, { role: 'user', content: 'hello' }] }]);
      expect(server.calls[0]?.model).toBe(entry.modelId.slice(entry.modelId.indexOf(':') + 1));
    });

    it('gives back tool calls, their results and their failures', async () => {
      const { server, provider } = await open(entry);
      await collectAnswer(provider.stream({
        messages: [
          { role: 'user', content: 'go' },
          { role: 'assistant', content: '', toolCalls: [{ id: 'call_1', name: 'lookup', arguments: { id: '42' } }, { id: 'call_2', name: 'lookup', arguments: { id: '43' } }] },
          { role: 'tool', toolCallId: 'call_1', toolName: 'lookup', content: 'paid' },
          { role: 'tool', toolCallId: 'call_2', toolName: 'lookup', content: 'no such order', isError: true },
        ],
        tools: [lookup],
      }));
      const [user, assistant, first, second] = server.calls[0]?.messages ?? [];
      expect(user).toMatchObject({ role: 'user', content: 'go' });
      expect(assistant).toMatchObject({ role: 'assistant', toolCalls: [{ name: 'lookup', arguments: { id: '42' } }, { name: 'lookup', arguments: { id: '43' } }] });
      expect(first).toMatchObject({ role: 'tool', toolName: 'lookup', content: 'paid' });
      expect(second).toMatchObject({ role: 'tool', toolName: 'lookup' });
      expect(second?.content).toContain('no such order');
    });

    it('reports the tokens of the provider, cached ones included', async () => {
      const { provider } = await open(entry, () => ({ text: 'hi', usage: { inputTokens: 120, cachedInputTokens: 100, outputTokens: 7 } }));
      const { finish } = await collectAnswer(provider.stream(hello));
      expect(finish?.usage).toEqual({ inputTokens: 120, cachedInputTokens: 100, outputTokens: 7 });
    });

    it('says that an answer was cut at the limit', async () => {
      const { provider } = await open(entry, () => ({ text: 'and then', finish: 'length' }));
      expect((await collectAnswer(provider.stream(hello))).finish?.reason).toBe('length');
    });

    it('streams two tool calls of one answer in order', async () => {
      const { provider } = await open(entry, () => ({ text: 'I look both up.', toolCalls: [{ name: 'lookup', arguments: { id: '1' } }, { name: 'lookup', arguments: { id: '2' } }] }));
      const { toolCalls, text } = await collectAnswer(provider.stream({ ...hello, tools: [lookup] }));
      expect(toolCalls.map((call) => call.arguments)).toEqual([{ id: '1' }, { id: '2' }]);
      expect(new Set(toolCalls.map((call) => call.id)).size).toBe(2);
      expect(text).toBe('I look both up.');
    });

    for (const kind of ['cut', 'end_early', 'bad_json'] as const) {
      it(`delivers no tool call of a stream that breaks half way (${kind})`, async () => {
        const { server, provider } = await open(entry, () => ({ text: 'a text that is long enough to have begun', toolCalls: [{ name: 'lookup', arguments: { id: '42' } }], fault: { kind } }));
        const seen: string[] = [];
        const error = await failure((async () => {
          for await (const chunk of provider.stream({ ...hello, tools: [lookup] })) seen.push(chunk.type);
        })());
        expect(error).toMatchObject({ code: 'MODEL_STREAM_BROKEN', retryable: true });
        expect(new Set(seen)).toEqual(new Set(['text']));
        expect(server.calls).toHaveLength(1); // what has begun is not tried again behind the caller's back
      });
    }

    it('waits as long as Retry-After asks, with the same idempotency key', async () => {
      const waits: number[] = [];
      const { server, provider } = await open(entry, (call) => (call.number === 1 ? { fault: { kind: 'status', status: 429, headers: { 'retry-after': '2' } } } : { text: 'at last' }), {}, { clock: impatientClock(waits, (delayMs) => delayMs < 100_000) });
      const { text } = await collectAnswer(provider.stream({ ...hello, idempotencyKey: 'same' }));
      expect(text).toBe('at last');
      expect(waits).toEqual([2_000]);
      expect(server.calls.map((call) => call.idempotencyKey)).toEqual(['same', 'same']);
    });

    it('does not show the key when the provider quotes it', async () => {
      const { provider } = await open(entry, () => ({ fault: { kind: 'status', status: 401, message: `Incorrect API key provided: ${key}, and sk-canary-0123456789abcdef besides` } }));
      const error = await failure(collectAnswer(provider.stream(hello)));
      expect(error).toMatchObject({ code: 'MODEL_UNAUTHORIZED', retryable: false, status: 401 });
      expect(JSON.stringify([error.message, String(error.cause), error])).not.toContain('canary');
    });
  });
}

describe('failures of hosted models', () => {
  const [openai, , , compatible] = hosted;
  const impatient = () => ({ clock: impatientClock([], (delayMs) => delayMs < 100_000) });

  it.each([408, 500, 503])('tries %i again, and gives up after maxRetries', async (status) => {
    const { server, provider } = await open(openai, () => ({ fault: { kind: 'status', status } }), { maxRetries: 2 }, impatient());
    expect(await failure(collectAnswer(provider.stream(hello)))).toMatchObject({ code: 'MODEL_UNAVAILABLE', retryable: true, status });
    expect(server.calls).toHaveLength(3);
  });

  it('tries a dropped connection again', async () => {
    const { server, provider } = await open(openai, (call) => (call.number === 1 ? { fault: { kind: 'refuse' } } : { text: 'fine' }), {}, impatient());
    expect((await collectAnswer(provider.stream(hello))).text).toBe('fine');
    expect(server.calls).toHaveLength(2);
  });

  it('does not try a refused request again', async () => {
    const { server, provider } = await open(openai, () => ({ fault: { kind: 'status', status: 400, message: 'context too long' } }), {}, impatient());
    const error = await failure(collectAnswer(provider.stream(hello)));
    expect(error).toMatchObject({ code: 'MODEL_REQUEST_REFUSED', retryable: false, status: 400 });
    expect(error.message).toContain('context too long');
    expect(server.calls).toHaveLength(1);
  });

  it('hands a Retry-After beyond retryMaxMs to the caller instead of waiting', async () => {
    const { server, provider } = await open(openai, () => ({ fault: { kind: 'status', status: 429, headers: { 'retry-after': '600' } } }));
    expect(await failure(collectAnswer(provider.stream(hello)))).toMatchObject({ code: 'MODEL_RATE_LIMITED', retryAfterMs: 600_000 });
    expect(server.calls).toHaveLength(1);
  });

  it.each([{ before: true }, { before: false }])('gives up on a provider that stalls (before the first byte: $before)', async ({ before }) => {
    const { provider } = await open(openai, () => ({ text: 'this will never be finished', fault: { kind: 'stall', before } }), { timeoutMs: 150 });
    expect(await failure(collectAnswer(provider.stream(hello)))).toMatchObject({ code: 'MODEL_TIMEOUT', retryable: true });
  });

  it('names the model when nobody listens at the base URL', async () => {
    const server = await startFakeModelServer();
    await server.close();
    const provider = await createModelProvider('openai:gpt-5-mini', modelDeps({ environment: { OPENAI_API_KEY: key } }), { baseUrl: server.baseUrl, maxRetries: 0 });
    const error = await failure(collectAnswer(provider.stream(hello)));
    expect(error.code).toBe('MODEL_UNAVAILABLE');
    expect(error.message).toContain('openai:gpt-5-mini');
  });

  it('hands a tool call with broken arguments to the loop as invalid, never as a call', async () => {
    const { provider } = await open(compatible, () => ({ toolCalls: [{ name: 'lookup', arguments: '{"id": 42,' }, { name: 'lookup', arguments: '' }] }));
    const { toolCalls, invalidToolCalls, finish } = await collectAnswer(provider.stream({ ...hello, tools: [lookup] }));
    expect(invalidToolCalls).toMatchObject([{ name: 'lookup', rawArguments: '{"id": 42,' }]);
    expect(invalidToolCalls[0]?.problem).toContain('not valid JSON');
    expect(toolCalls).toMatchObject([{ arguments: {} }]); // no arguments at all is an empty object
    expect(finish?.reason).toBe('tool_calls');
  });

  it("gives Gemini's thought signatures back with the calls they came with", async () => {
    const { server, provider } = await open(hosted[2], (call) => (call.number === 1 ? { toolCalls: [{ name: 'lookup', arguments: { id: '1' } }] } : { text: 'done' }));
    const first = await collectAnswer(provider.stream({ ...hello, tools: [lookup] }));
    await collectAnswer(provider.stream({
      messages: [...hello.messages, { role: 'assistant', content: '', toolCalls: first.toolCalls }, { role: 'tool', toolCallId: first.toolCalls[0]?.id ?? '', toolName: 'lookup', content: 'paid' }],
      tools: [lookup],
    }));
    expect(JSON.stringify(server.calls[1]?.body)).toContain('signature-1-0');
  });

  it('asks OpenAI to store nothing', async () => {
    const { server, provider } = await open(openai);
    await collectAnswer(provider.stream(hello));
    expect(server.calls[0]?.body).toMatchObject({ store: false, stream: true });
  });

  it('resolves a reference in the key when the model is made', async () => {
    const { server, provider } = await open(compatible, undefined, { apiKey: '${MY_KEY}' }, { environment: { MY_KEY: 'from-the-environment' } });
    await collectAnswer(provider.stream(hello));
    expect(server.calls[0]?.headers['authorization']).toBe('Bearer from-the-environment');
  });

  it("does not send OpenAI's key to an endpoint that only the options name", async () => {
    const { server, provider } = await open(compatible, undefined, {}, { environment: { OPENAI_API_KEY: key } });
    await collectAnswer(provider.stream(hello));
    expect(server.calls[0]?.headers['authorization']).toBeUndefined();
    const named = await createModelProvider('openai-compatible:x', modelDeps({ environment: { OPENAI_API_KEY: key, OPENAI_BASE_URL: server.baseUrl } }));
    await collectAnswer(named.stream(hello));
    expect(server.calls[1]?.headers['authorization']).toBe(`Bearer ${key}`);
  });

  it('says in the log that it tries again', async () => {
    const logger = recordingLogger();
    const { provider } = await open(openai, (call) => (call.number === 1 ? { fault: { kind: 'status', status: 500 } } : { text: 'fine' }), {}, { ...impatient(), logger });
    await collectAnswer(provider.stream(hello));
    expect(logger.lines).toMatchObject([{ level: 'warn', facts: { modelId: 'openai:gpt-5-mini', code: 'MODEL_UNAVAILABLE', status: 500, retry: 1 } }]);
  });
});
