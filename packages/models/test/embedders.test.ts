import { CortexError } from '@cortex-runtime/core';
import { describe, expect, it, onTestFinished } from 'vitest';

import { createEmbedder, priceTable, registerEmbedder, type EmbedderDeps, type EmbedderOptions, type EmbeddingUsage } from '../src/index.ts';
import { startFakeModelServer, type FakeEmbeddingCall, type FakeEmbeddingReply, type FakeModelServer } from '../src/testing/fake-model-server/index.ts';
import { impatientClock, modelDeps, recordingLogger } from './model-deps.ts';

const key = 'canary 0123456789abcdef without the shape of a key';

const hosted = [
  { modelId: 'openai:text-embedding-3-small', protocol: 'openai-embeddings', keyVariable: 'OPENAI_API_KEY', baseUrl: (server: FakeModelServer) => server.baseUrl },
  { modelId: 'google:gemini-embedding-001', protocol: 'gemini-embeddings', keyVariable: 'GEMINI_API_KEY', baseUrl: (server: FakeModelServer) => server.geminiBaseUrl },
  { modelId: 'openai-compatible:nomic-embed-text:v1.5', protocol: 'openai-embeddings', keyVariable: 'OPENAI_COMPATIBLE_API_KEY', baseUrl: (server: FakeModelServer) => server.baseUrl },
] as const;
const [openai, google, compatible] = hosted;

async function open(entry: (typeof hosted)[number], embed?: (call: FakeEmbeddingCall) => FakeEmbeddingReply, options: EmbedderOptions = {}, deps: Partial<EmbedderDeps> = {}) {
  const server = await startFakeModelServer(embed === undefined ? {} : { embed });
  onTestFinished(() => server.close());
  const usages: EmbeddingUsage[] = [];
  const embedder = await createEmbedder(entry.modelId, { ...modelDeps({ environment: { [entry.keyVariable]: key } }), onUsage: (usage) => usages.push(usage), ...deps }, { baseUrl: entry.baseUrl(server), ...options });
  return { server, embedder, usages };
}

const failure = async (work: Promise<unknown>): Promise<CortexError> => {
  const error: unknown = await work.then(() => new Error('it did not fail'), (thrown: unknown) => thrown);
  if (!CortexError.is(error)) throw error;
  return error;
};

/** Waits between attempts are over at once. */
const impatient = (waits: number[] = []) => ({ clock: impatientClock(waits, (delayMs) => delayMs < 100_000) });

describe.each(hosted)('$modelId', (entry) => {
  it('speaks the protocol of its provider and gives a vector for each text, in order', async () => {
    const { server, embedder } = await open(entry, ({ texts }) => ({ vectors: texts.map((text) => [text.length, 1]) }));
    expect(embedder.modelId).toBe(entry.modelId);
    expect(await embedder.embed(['a', 'bb', 'ccc'])).toEqual([[1, 1], [2, 1], [3, 1]]);
    expect(await embedder.embed(['dddd'])).toEqual([[4, 1]]);
    expect(server.embeddingCalls.map(({ protocol, texts }) => [protocol, texts])).toEqual([[entry.protocol, ['a', 'bb', 'ccc']], [entry.protocol, ['dddd']]]);
    expect(server.embeddingCalls[0]?.model).toBe(entry.modelId.slice(entry.modelId.indexOf(':') + 1));
    expect(JSON.stringify(server.embeddingCalls[0]?.headers)).toContain(key);
  });

  it('tries 429 and 5xx again, and not what would fail again', async () => {
    const waits: number[] = [];
    const { server, embedder, usages } = await open(entry, ({ number }) => (number < 3 ? { fault: { kind: 'status', status: number === 1 ? 429 : 503 } } : { vectors: [[1]] }), {}, impatient(waits));
    expect(await embedder.embed(['x'])).toEqual([[1]]);
    expect([server.embeddingCalls.length, waits.length, usages.length]).toEqual([3, 2, 1]);
    const refused = await open(entry, () => ({ fault: { kind: 'status', status: 400 } }), {}, impatient());
    expect(await failure(refused.embedder.embed(['x']))).toMatchObject({ code: 'MODEL_REQUEST_REFUSED', retryable: false });
    expect(refused.server.embeddingCalls).toHaveLength(1);
    expect(refused.usages).toEqual([]);
  });

  it('does not repeat its key in an error', async () => {
    const { embedder } = await open(entry, () => ({ fault: { kind: 'status', status: 401, message: `bad key ${key}` } }));
    const error = await failure(embedder.embed(['x']));
    expect(error).toMatchObject({ code: 'MODEL_UNAUTHORIZED' });
    expect(`${error.message} ${String(error.stack)}`).not.toContain(key);
  });

  it('can be aborted before and during a request', async () => {
    const { embedder } = await open(entry, () => ({ fault: { kind: 'stall', before: true } }));
    expect(await failure(embedder.embed(['x'], { signal: AbortSignal.abort() }))).toMatchObject({ code: 'MODEL_ABORTED' });
    const controller = new AbortController();
    const embedding = failure(embedder.embed(['x'], { signal: controller.signal }));
    controller.abort();
    expect(await embedding).toMatchObject({ code: 'MODEL_ABORTED' });
  });
});

describe('an embedder', () => {
  it('sends no more texts in a request than the provider takes, nor more bytes than one takes', async () => {
    const many = await open(google);
    expect(await many.embedder.embed(Array.from({ length: 250 }, (_, index) => `text ${index}`))).toHaveLength(250);
    expect(many.server.embeddingCalls.map(({ texts }) => texts.length)).toEqual([100, 100, 50]);
    const few = await open(openai, undefined, { maxTextsPerRequest: 2 });
    await few.embedder.embed(['a', 'b', 'c']);
    expect(few.server.embeddingCalls.map(({ texts }) => texts)).toEqual([['a', 'b'], ['c']]);
    const small = await open(openai, undefined, { maxBytesPerRequest: 10 });
    await small.embedder.embed(['12345', '12345', '1', 'longer than ten bytes', 'ää']);
    expect(small.server.embeddingCalls.map(({ texts }) => texts)).toEqual([['12345', '12345'], ['1'], ['longer than ten bytes'], ['ää']]);
    expect(await small.embedder.embed([])).toEqual([]);
  });

  it('reports what each answered request cost, also when a later one fails', async () => {
    const { embedder, usages } = await open(openai, ({ number }) => (number === 3 ? { fault: { kind: 'status', status: 400 } } : { inputTokens: 1_000 * number }), { maxTextsPerRequest: 1 });
    const own: number[] = [];
    await failure(embedder.embed(['a', 'b', 'c'], { onUsage: ({ inputTokens }) => own.push(inputTokens) }));
    expect(own).toEqual([1_000, 2_000]);
    expect(usages).toEqual([
      { modelId: 'openai:text-embedding-3-small', texts: 1, inputTokens: 1_000, isEstimated: false, cost: expect.closeTo(0.000_02, 10) as number },
      { modelId: 'openai:text-embedding-3-small', texts: 1, inputTokens: 2_000, isEstimated: false, cost: expect.closeTo(0.000_04, 10) as number },
    ]);
  });

  it('says that tokens are estimated where the provider reports none, rather too many, and that a price is not known', async () => {
    const text = 'The release is on Tuesday, after the tests.';
    const { embedder, usages } = await open(compatible, () => ({ inputTokens: null }));
    await embedder.embed([text]);
    expect(usages).toEqual([{ modelId: compatible.modelId, texts: 1, inputTokens: Math.ceil(text.length / 3), isEstimated: true, cost: undefined }]);
    const priced = await open(compatible, () => ({ inputTokens: 1_000_000 }), {}, { prices: priceTable({ 'openai-compatible:*': { input: 3, output: 0 } }) });
    await priced.embedder.embed([text]);
    expect(priced.usages[0]?.cost).toBe(3);
  });

  it('lets whoever is told of the usage end the call', async () => {
    const { server, embedder } = await open(openai, undefined, { maxTextsPerRequest: 1 }, { onUsage: () => { throw new Error('the budget is spent'); } });
    await expect(embedder.embed(['a', 'b'])).rejects.toThrow('the budget is spent');
    expect(server.embeddingCalls).toHaveLength(1);
  });

  it('asks for the dimensions that it is told', async () => {
    for (const [entry, field] of [[openai, 'dimensions'], [compatible, 'dimensions'], [google, 'outputDimensionality']] as const) {
      const { server, embedder } = await open(entry, undefined, { dimensions: 64 });
      await embedder.embed(['x']);
      expect(server.embeddingCalls[0]?.body[field]).toBe(64);
    }
  });

  it('cuts a text that is longer than models take, and refuses a blank one before anything is sent', async () => {
    const { server, embedder } = await open(openai, undefined, { maxTextChars: 3 });
    await embedder.embed(['abcdef', 'ab\u{1f980}']);
    expect(server.embeddingCalls[0]?.texts).toEqual(['abc', 'ab']);
    expect(await failure(embedder.embed(['x', ' \n']))).toMatchObject({ code: 'INVALID_INPUT', field: 'texts[1]' });
    expect(server.embeddingCalls).toHaveLength(1);
  });

  it.each([
    ['too few vectors', { vectors: [[1, 2]] }],
    ['vectors of two lengths', { vectors: [[1, 2], [1]] }],
    ['empty vectors', { vectors: [[], []] }],
  ] as const)('refuses %s', async (_, reply) => {
    const { embedder } = await open(openai, () => reply);
    expect(await failure(embedder.embed(['a', 'b']))).toMatchObject({ code: 'MODEL_ANSWER_INVALID', retryable: false });
  });

  it.each(['cut', 'bad_json', 'refuse'] as const)('fails, and can be asked again, when an answer breaks off (%s)', async (kind) => {
    const { embedder, usages } = await open(openai, () => ({ fault: { kind } }), { maxRetries: 0 });
    expect((await failure(embedder.embed(['a']))).retryable).toBe(true);
    expect(usages).toEqual([]);
  });

  it('gives an attempt up after its time', async () => {
    const { embedder } = await open(openai, () => ({ fault: { kind: 'stall' } }), { timeoutMs: 40 });
    expect(await failure(embedder.embed(['a']))).toMatchObject({ code: 'MODEL_TIMEOUT', retryable: true });
  });

  it('says in the log that it tries again', async () => {
    const logger = recordingLogger();
    const { embedder } = await open(openai, ({ number }) => (number === 1 ? { fault: { kind: 'status', status: 500 } } : {}), {}, { ...impatient(), logger });
    await embedder.embed(['a']);
    expect(logger.lines).toMatchObject([{ level: 'warn', facts: { modelId: openai.modelId, code: 'MODEL_UNAVAILABLE', retry: 1 } }]);
  });
});

describe('createEmbedder', () => {
  it('names the key and the base URL that are missing', async () => {
    expect(await failure(createEmbedder('openai:text-embedding-3-small', modelDeps()))).toMatchObject({ code: 'MODEL_SETTING_MISSING', variable: 'OPENAI_API_KEY' });
    expect(await failure(createEmbedder('openai-compatible:x', modelDeps()))).toMatchObject({ code: 'MODEL_SETTING_MISSING', variable: 'OPENAI_COMPATIBLE_BASE_URL' });
    expect(await failure(createEmbedder('openai:x', modelDeps(), { apiKey: '${NOT_SET}' }))).toMatchObject({ variable: 'NOT_SET' });
  });

  it('names the providers that have embedding models', async () => {
    expect((await failure(createEmbedder('anthropic:claude', modelDeps()))).message).toMatch(/no embedding provider "anthropic".*google, openai, openai-compatible/);
    expect((await failure(createEmbedder('opnai:x', modelDeps()))).message).toContain('did you mean openai?');
    expect((await failure(createEmbedder('openai:', modelDeps()))).message).toContain('names no model');
  });

  it("does not send OpenAI's key to an endpoint that only the options name", async () => {
    const { server, embedder } = await open(compatible, undefined, {}, { environment: { OPENAI_API_KEY: key } });
    await embedder.embed(['x']);
    expect(server.embeddingCalls[0]?.headers['authorization']).toBeUndefined();
  });

  it('takes further providers, each name once', async () => {
    const remove = registerEmbedder('ones', (_deps, { modelId }) => ({ modelId, embed: (texts) => Promise.resolve(texts.map(() => [1])) }));
    onTestFinished(remove);
    expect(await (await createEmbedder('ones:any', modelDeps())).embed(['a'])).toEqual([[1]]);
    expect(() => registerEmbedder('ones', () => ({ modelId: '', embed: () => Promise.resolve([]) }))).toThrow(/registered already/);
    remove();
    expect(await failure(createEmbedder('ones:any', modelDeps()))).toMatchObject({ code: 'MODEL_PROVIDER_UNKNOWN' });
  });
});
