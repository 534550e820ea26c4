import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';

import { startFakeModelServer, wordVector, type FakeModelCall } from '@cortex-runtime/models/testing/fake-model-server';
import { describe, expect, inject, it, onTestFinished } from 'vitest';

import { workshop } from './running-host.ts';

declare module 'vitest' {
  interface ProvidedContext {
    postgresUrl: string;
    redisUrl: string;
  }
}

const postgresUrl = inject('postgresUrl');
const wait = { timeout: 20_000, interval: 20 };

/** A model server that repeats the last word of the event, and what its agents were told. */
async function modelServer() {
  const server = await startFakeModelServer({
    respond: (call) => ({ text: `I heard: ${/"say": "([^"]*)"/.exec(call.messages.at(-1)?.content ?? '')?.[1] ?? 'nothing'}` }),
    embed: ({ texts }) => ({ vectors: texts.map((text) => wordVector(text.replaceAll(/automobile|car/g, 'vehicle'))), inputTokens: 10 * texts.length }),
  });
  onTestFinished(() => server.close());
  return { server, environment: { OPENAI_COMPATIBLE_BASE_URL: server.baseUrl } };
}

/** What a call was told from memory, line by line; empty when nothing. */
const remembered = (call: FakeModelCall | undefined) => (call?.messages.find(({ content }) => content.startsWith('[Memory]'))?.content ?? '').split('\n').filter((line) => line.startsWith('| '));

const agent = (name: string, memory: string) => `name: ${name}\nmodel: openai-compatible:m\ninstructions: Answer.\nmemory: ${memory}\n`;

type Running = Awaited<ReturnType<ReturnType<typeof workshop>['start']>>;

/** Lets an agent hear something and waits for its answer. */
async function tell({ client }: Running, name: string, say: string): Promise<void> {
  const { invocationCount } = await client.getProcess(name);
  await client.inject(name, { payload: { say } });
  await expect.poll(() => client.getProcess(name).then((status) => status.invocationCount), wait).toBe(invocationCount + 1);
}

describe('long-term memory of the manifest', () => {
  it.for([
    ['file', {}],
    ['embedding, embedding_model: "openai-compatible:e"', {}],
    ['postgres', { CORTEX_DATABASE_URL: postgresUrl, CORTEX_ORG_ID: `org-${randomUUID().slice(0, 8)}` }],
  ] as [string, Record<string, string>][])('%s: what an agent kept is found by the next host, and by no other agent', async ([provider, more], { skip }) => {
    skip(more['CORTEX_DATABASE_URL'] === '', 'no server');
    const { server, environment } = await modelServer();
    const shop = workshop();
    for (const name of ['anna', 'bob']) shop.write(`agents/${name}.agent`, agent(name, `{ provider: ${provider}, auto_store: true }`));
    const first = await shop.start({ environment: { ...environment, ...more } });
    await tell(first, 'anna', 'the lamp of Grace was lost');
    await first.host.stop('restart');
    const second = await shop.start({ environment: { ...environment, ...more } });
    await tell(second, 'anna', 'what of the lamp?');
    expect(remembered(server.calls.at(-1))).toEqual(['| I heard: the lamp of Grace was lost']);
    await tell(second, 'bob', 'what of the lamp?');
    expect(remembered(server.calls.at(-1))).toEqual([]);
  });

  it.each(['in_memory', 'file'])('%s: a collection that several name is theirs together, a user has his own', async (provider) => {
    const { server, environment } = await modelServer();
    const shop = workshop();
    const shared = (user: string) => `{ provider: ${provider}, auto_store: true, collection: office, user_id: ${user} }`;
    shop.write('agents/anna.agent', agent('anna', shared('grace')));
    shop.write('agents/bob.agent', agent('bob', shared('grace')));
    shop.write('agents/cid.agent', agent('cid', shared('ada')));
    const running = await shop.start({ environment });
    await tell(running, 'anna', 'the lamp was lost');
    await tell(running, 'bob', 'where is the lamp?');
    expect(remembered(server.calls.at(-1))).toEqual(['| I heard: the lamp was lost']);
    await tell(running, 'cid', 'where is the lamp?');
    expect(remembered(server.calls.at(-1))).toEqual([]);
  });

  it('finds by meaning, and what the embeddings cost is in the journal and in the status', async () => {
    const { server, environment } = await modelServer();
    const shop = workshop();
    const embedding = '{ provider: embedding, embedding_model: "openai:text-embedding-3-small", embedding_options: { base_url: "${EMBEDDINGS}", api_key: "${EMBEDDINGS_KEY}", dimensions: 512 }, auto_store: true }';
    shop.write('agents/anna.agent', agent('anna', embedding));
    const running = await shop.start({ environment: { ...environment, EMBEDDINGS: server.baseUrl, EMBEDDINGS_KEY: 'canary-key-0123' } });
    await tell(running, 'anna', 'my car is red');
    await tell(running, 'anna', 'automobile');
    expect(remembered(server.calls.at(-1))).toEqual(['| I heard: my car is red']);
    expect(server.embeddingCalls[0]?.headers['authorization']).toBe('Bearer canary-key-0123');
    expect(server.embeddingCalls[0]?.body['dimensions']).toBe(512);
    const usage = (await running.client.getJournal('anna', { type: 'embedding_usage', limit: 500 })).entries.map(({ data }) => data);
    expect(usage).toHaveLength(server.embeddingCalls.length);
    expect(usage[0]).toMatchObject({ model: 'openai:text-embedding-3-small', input_tokens: 10, is_estimated: false, cost: 10 * 0.02 / 1e6 });
    expect((await running.client.getProcess('anna')).cost).toBeCloseTo(usage.length * 10 * 0.02 / 1e6, 12);
    expect(readFileSync(join(running.host.dataDirectory, 'segments/0000000001.jsonl'), 'utf8')).not.toContain('canary-key');
  });

  it('lies where it is told to: below the data directory, at CORTEX_MEMORY_PATH, or in the directory of the manifest', async () => {
    const { environment } = await modelServer();
    const shop = workshop();
    shop.write('agents/anna.agent', agent('anna', '{ provider: file, auto_store: true }'));
    shop.write('agents/bob.agent', agent('bob', '{ provider: file, auto_store: true, persist_directory: ./kept }'));
    const first = await shop.start({ environment });
    await tell(first, 'anna', 'a');
    await tell(first, 'bob', 'b');
    expect(readdirSync(join(shop.directory, '.cortex/memory/_memories'))).toEqual([expect.stringMatching(/^anna_/)]);
    expect(readdirSync(join(shop.directory, 'agents/kept/_memories'))).toEqual([expect.stringMatching(/^bob_/)]);
    await first.host.stop('restart');
    const second = await shop.start({ environment: { ...environment, CORTEX_MEMORY_PATH: 'elsewhere' } });
    await tell(second, 'anna', 'c');
    expect(readdirSync(join(shop.directory, 'elsewhere/_memories'))).toEqual([expect.stringMatching(/^anna_/)]);
  });

  it.each([
    ['{ provider: postgres }', /memory_provider postgres of anna needs PostgreSQL: set CORTEX_DATABASE_URL/],
    ['{ provider: embedding }', /text-embedding-3-small needs a key: set OPENAI_API_KEY/],
    ['{ provider: embedding, embedding_model: "anthropic:x" }', /no embedding provider "anthropic"/],
    ['{ provider: file, persist_directory: "${NOWHERE}" }', /NOWHERE/],
  ])('%s keeps the agent from starting when what it needs is not there, and says what', async (memory, expected) => {
    const { environment } = await modelServer();
    const shop = workshop();
    shop.write('agents/anna.agent', agent('anna', memory));
    const { progress } = await shop.start({ environment });
    const started = progress.find((each) => each.step === 'started');
    expect(started?.failed.map(({ name, error }) => [name, String((error as Error).message)])).toEqual([['anna', expect.stringMatching(expected)]]);
  });

  it('does not stop an agent when it is down, and is there when it is back', async ({ skip }) => {
    skip(postgresUrl === '', 'no server');
    const { server, environment } = await modelServer();
    const shop = workshop();
    shop.write('agents/anna.agent', agent('anna', '{ provider: postgres, auto_store: true }'));
    const proxy = await switchableProxy(Number(new URL(postgresUrl).port));
    const url = new URL(postgresUrl);
    url.port = String(proxy.port);
    const running = await shop.start({ environment: { ...environment, CORTEX_DATABASE_URL: url.href, CORTEX_ORG_ID: `org-${randomUUID().slice(0, 8)}` } });
    await tell(running, 'anna', 'nobody keeps this');
    expect((await running.client.getProcess('anna')).state).toBe('running');
    proxy.open();
    await tell(running, 'anna', 'the lamp was lost');
    await tell(running, 'anna', 'where is the lamp?');
    expect(remembered(server.calls.at(-1))).toEqual(['| I heard: the lamp was lost']);
  });

  it('that does nothing is said to do nothing, with what does', async () => {
    const { server, environment } = await modelServer();
    const shop = workshop();
    shop.write('agents/anna.agent', agent('anna', '{ provider: chroma, auto_store: true }'));
    const running = await shop.start({ environment });
    await tell(running, 'anna', 'the lamp was lost');
    await tell(running, 'anna', 'where is the lamp?');
    expect(remembered(server.calls.at(-1))).toEqual([]);
    expect(JSON.stringify(await running.client.logs({ limit: 100 }))).toContain('use embedding, which finds by meaning, or file, postgres or in_memory');
  });
});

/** A way to a server that is closed at first. */
async function switchableProxy(serverPort: number): Promise<{ port: number; open(): void }> {
  let isOpen = false;
  const proxy = createServer((client) => {
    if (!isOpen) return void client.destroy();
    const server = connect(serverPort, '127.0.0.1');
    client.pipe(server).pipe(client);
    for (const [one, other] of [[client, server], [server, client]] as const) one.on('error', () => undefined).on('close', () => other.destroy());
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void proxy.close());
  return { port: (proxy.address() as { port: number }).port, open: () => (isOpen = true) };
}

const clerk = `name: clerk\nmodel: scripted:clerk.yaml\ninstructions: Remember.\ncontext: { memory_access: { read: [facts], propose: [people], write: [facts] } }\n`;
const clerkScript = `
rules:
  - when: { user_contains: propose }
    respond: { tool_calls: [{ name: memory_propose, arguments: { category: people, name: "{{payload.name}}", content: "Prefers tea." } }] }
  - when: { user_contains: write }
    respond: { tool_calls: [{ name: memory_write, arguments: { category: facts, name: "{{payload.name}}", content: "It is round." } }] }
  - when: { after_tool: any }
    respond: { text: "{{result}}" }
`;

describe('typed memory', () => {
  it.for([
    ['files', {}],
    ['PostgreSQL', { CORTEX_MEMORY_BACKEND: 'postgres', CORTEX_DATABASE_URL: postgresUrl, CORTEX_ORG_ID: `org-${randomUUID().slice(0, 8)}` }],
  ] as [string, Record<string, string>][])('in %s: agents write and propose, people decide, and it is there for the next host', async ([, environment], { skip }) => {
    skip(environment['CORTEX_DATABASE_URL'] === '', 'no server');
    const shop = workshop();
    shop.write('agents/clerk.agent', clerk);
    shop.write('agents/clerk.yaml', clerkScript);
    const { host, client } = await shop.start({ environment });
    await client.inject('clerk', { payload: { do: 'write', name: 'moon' }, eventId: 'e-1' });
    await expect.poll(() => client.listMemory('facts').then((entries) => entries.map(({ name }) => name)), wait).toEqual(['moon']);
    expect(await client.readMemory('facts', 'moon')).toMatchObject({ content: 'It is round.', version: 1, provenance: { agent: 'clerk', source: 'inject e-1' } });
    for (const name of ['anna', 'bob']) await client.inject('clerk', { payload: { do: 'propose', name } });
    await expect.poll(() => client.listMemoryProposals().then(({ length }) => length), wait).toBe(2);
    const [anna, bob] = await client.listMemoryProposals();
    await expect(client.readMemory('people', 'anna')).rejects.toMatchObject({ status: 404 });
    expect(await client.acceptMemoryProposal(anna?.proposalId ?? '', { by: 'ann' })).toMatchObject({ status: 'accepted', writtenVersion: 1 });
    expect(await client.rejectMemoryProposal(bob?.proposalId ?? '', { by: 'ann', reason: 'hearsay' })).toMatchObject({ status: 'rejected', reason: 'hearsay' });
    await expect(client.acceptMemoryProposal(bob?.proposalId ?? '')).rejects.toMatchObject({ status: 409 });
    await expect(client.listMemory('secrets')).rejects.toMatchObject({ status: 422, code: 'INVALID_INPUT' });
    await host.stop('restart');

    const next = await shop.start({ environment });
    expect(await next.client.listMemoryProposals()).toEqual([]);
    expect(await next.client.readMemory('people', 'anna')).toMatchObject({ content: 'Prefers tea.', provenance: { agent: 'clerk', acceptedBy: 'ann' } });
    await expect(next.client.readMemory('people', 'bob')).rejects.toMatchObject({ status: 404 });
    expect(existsSync(join(shop.directory, '.cortex/memory/facts/moon.md'))).toBe(environment['CORTEX_DATABASE_URL'] === undefined);
  });

  it('that can not be opened keeps the host from starting, and nothing is left behind', async () => {
    const shop = workshop();
    shop.write('agents/clerk.agent', clerk);
    shop.write('agents/clerk.yaml', clerkScript);
    const unreachable = { CORTEX_MEMORY_BACKEND: 'postgres', CORTEX_DATABASE_URL: 'postgres://u:canary-password@127.0.0.1:9/d' };
    const error: unknown = await shop.start({ environment: unreachable }).then(() => undefined, (thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'STORAGE_UNAVAILABLE', retryable: true });
    expect(String(error)).toMatch(/the memory in PostgreSQL could not be opened: .*ECONNREFUSED/);
    expect(String(error)).not.toContain('canary');
    expect(existsSync(join(shop.directory, '.cortex/host.json'))).toBe(false);
    await expect(shop.start({ environment: { CORTEX_ORG_ID: 'tasks' } })).rejects.toMatchObject({ code: 'INVALID_INPUT', field: 'orgId' });
    expect((await (await shop.start()).client.getProcess('clerk')).state).toBe('running');
  });
});
