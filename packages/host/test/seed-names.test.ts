import {
  BusConnectionError, BusError, BusSerializationError, fleetOrgId, Keyspace, MemoryBus, type Envelope, type MessageBus,
} from '@cortex-runtime/bus';
import { BusConfig, busConfigFromEnvironment } from '@cortex-runtime/bus/config';
import { RedisStreamBus } from '@cortex-runtime/bus/redis';
import { CortexRuntimeError, Department, Domain, idGenerator, silentLogger, StreamChunkKind, toDocument, type HealthStatus } from '@cortex-runtime/core';
import { systemClock as clock, systemRandom as random } from '@cortex-runtime/core/node';
import {
  AGENT_STREAM_PREFIX, DOMAIN_STREAM_PREFIX, extractDiscoveries, extractMemoryProposals, readTaskPayload, TaskConsumer, TaskDispatcher, TaskPriority, writeTaskPayload, type DispatchResult, type MemoryProposal, type TaskResult,
} from '@cortex-runtime/dispatch';
import { InMemoryJournal } from '@cortex-runtime/journal';
import {
  CortexMemoryError, InMemoryMemoryStore, isSafeTypedName, MemoryFileNotFoundError, MemoryReadError, MemoryWriteError, TypedMemoryCategory, type MemoryFile, type MemoryStore,
} from '@cortex-runtime/memory';
import { CortexProviderError, ModelRequestRefusedError, ModelUnavailableError, ProviderConnectionError, ProviderExecutionError, ProviderTimeoutError } from '@cortex-runtime/models';
import { ActionTier, createPluginRegistry, PluginHealthStatus, PluginValidationError, type PluginActionInfo, type PluginHealthReport, type PluginResult, type ServicePlugin } from '@cortex-runtime/plugins';
import { SessionConfig, SessionManager, SessionState, type Session, type SessionStore } from '@cortex-runtime/session';
import { describe, expect, it, onTestFinished } from 'vitest';

const text = (payload: Uint8Array) => new TextDecoder().decode(payload);

// Weakness 36: the documents of the described system named methods, fields, tiers, states, categories and modes that did not exist. Here each of them does what they say.
describe('what the documents name', () => {
  it('of the bus: publish, readGroup, ack, createGroup, health, close, and subscribe to several streams', async () => {
    for (const method of ['publish', 'readGroup', 'ack', 'nack', 'createGroup', 'health', 'close', 'subscribe'] satisfies (keyof MessageBus)[]) {
      expect([typeof MemoryBus.prototype[method], typeof RedisStreamBus.prototype[method]]).toEqual(['function', 'function']);
    }
    const bus = new MemoryBus({ clock });
    onTestFinished(() => bus.close());
    await bus.createGroup('tasks:eng', 'g');
    const msgId = await bus.publish('tasks:eng', 'hello', { msgType: 'question', maxLength: 10 });
    const [envelope] = (await bus.readGroup(['tasks:eng'], { group: 'g', consumer: 'c', count: 10, blockMs: 0 })) satisfies Envelope[];
    expect({ ...envelope, payload: text(envelope?.payload ?? new Uint8Array()) }).toMatchObject({ msgId, payload: 'hello', msgType: 'question', resumed: false });
    expect(await bus.ack('tasks:eng', 'g', msgId)).toBe(1);
    const health: HealthStatus = await bus.health();
    expect(health).toMatchObject({ ok: true, details: expect.any(Object) as object });
    const subscription = bus.subscribe(['tasks:eng', 'tasks:agent:forge'], { group: 'h', maxInFlight: 2 });
    await bus.publish('tasks:agent:forge', 'for forge');
    const texts = [(await subscription.next()).value?.text(), (await subscription.next()).value?.text()];
    expect(texts.toSorted()).toEqual(['for forge', 'hello']);
  });

  it('of its configuration: each field, with its variable and its default', () => {
    const defaults = toDocument(BusConfig, BusConfig.parse({}));
    expect(defaults).toMatchObject({ host: 'localhost', port: 6379, stream_prefix: 'cortex', consumer_group: 'cortex-agents', block_ms: 5_000, claim_idle_ms: 30_000, read_watchdog_ms: 60_000, max_retries: 3 });
    expect(defaults).not.toHaveProperty('password');
    const given = BusConfig.parse(busConfigFromEnvironment({ REDIS_HOST: 'redis.example', REDIS_PORT: '6380', REDIS_PASSWORD: 'secret', CORTEX_ORG_ID: 'acme' }));
    expect(given).toMatchObject({ host: 'redis.example', port: 6380, password: 'secret', streamPrefix: 'cortex:acme' });
  });

  it('of the keys', () => {
    expect(fleetOrgId).toBe('personal');
    const fleet = new Keyspace();
    const acme = new Keyspace('acme');
    expect([fleet.streamPrefix, acme.streamPrefix]).toEqual(['cortex', 'cortex:acme']);
    expect([fleet.tasksDomainStream('eng'), fleet.agentStream('forge'), fleet.respondedKey('msg-id')]).toEqual(['cortex:tasks:eng', 'cortex:tasks:agent:forge', 'cortex:responded:msg-id']);
    expect([DOMAIN_STREAM_PREFIX, AGENT_STREAM_PREFIX]).toEqual(['tasks', 'tasks:agent']);
  });

  it('of departments, priorities and chunks', () => {
    expect(Object.values(Department)).toEqual(['personal', 'business', 'eng', 'ops', 'cortex', 'finance', 'research', 'thoughts', 'maker', 'creative', 'synapse', 'general']);
    expect(Domain.parse('eng')).toEqual(new Domain(Department.ENG));
    expect(() => Domain.parse('nowhere')).toThrow(CortexRuntimeError);
    expect(Object.values(TaskPriority)).toEqual(['low', 'normal', 'high', 'urgent']);
    expect(StreamChunkKind).toEqual({ OUTPUT: 'output', COMPLETE: 'complete', ERROR: 'error', TOOL_CALL: 'tool_call', TOOL_RESULT: 'tool_result' });
  });

  it('of a task, its result and what an answer holds: channel_id and priority among the fields', () => {
    const document = { task_id: 't', message_id: 'm', text: 'x', sender: 'Ann', sender_id: 'U1', channel_id: 'C1', thread_id: 'T1', domain: 'eng', priority: 'high', attachments: [{ title: 'a' }], metadata: { a: 1 } };
    expect(JSON.parse(writeTaskPayload(readTaskPayload(document)))).toMatchObject(document);
    expect(extractDiscoveries('[DISCOVERY] it works')).toEqual(['it works']);
    expect(extractMemoryProposals('[MEMORY: facts/java]\nneeds 17') satisfies MemoryProposal[]).toEqual([{ category: 'facts', name: 'java', mode: 'create', content: 'needs 17' }]);
    for (const method of ['start', 'stop'] satisfies (keyof TaskConsumer)[]) expect(typeof TaskConsumer.prototype[method]).toBe('function');
    expect(typeof TaskDispatcher.prototype.dispatch).toBe('function');
    const outcome: Pick<TaskResult, 'taskId' | 'messageId' | 'agent' | 'status'> & Pick<DispatchResult, 'streamId' | 'domain'> = { taskId: 't', messageId: 'm', agent: 'forge', status: 'success', streamId: '1-1', domain: 'eng' };
    expect(outcome.status).toBe('success');
  });

  it('of the memory: read, write in three modes, list, delete and exists, in six categories', async () => {
    expect(Object.values(TypedMemoryCategory)).toEqual(['people', 'projects', 'context', 'facts', 'skills', 'preferences']);
    const store: MemoryStore = new InMemoryMemoryStore({ clock });
    await store.write('people', 'ann', 'b');
    await store.write('people', 'ann', 'c', { mode: 'append' });
    await store.write('people', 'ann', 'a', { mode: 'prepend' });
    expect((await store.read('people', 'ann')).content).toBe('a\nb\nc');
    await store.write('people', 'ann', 'new', { mode: 'overwrite' });
    expect(((await store.list('people')) satisfies MemoryFile[]).map(({ name, content }) => [name, content])).toEqual([['ann', 'new']]);
    expect(await store.exists('people', 'ann')).toBe(true);
    await store.delete('people', 'ann');
    expect(await store.exists('people', 'ann')).toBe(false);
    const names = { '': false, a: true, 'a-b-9': true, '-a': false, 'a-': false, A: false, 'a_b': false };
    expect(Object.keys(names).map((name) => isSafeTypedName(name))).toEqual(Object.values(names));
  });

  it('of sessions: PAUSED and CLOSED among their states, and the windows', () => {
    expect(SessionState).toEqual({ ACTIVE: 'active', IDLE: 'idle', PAUSED: 'paused', CLOSED: 'closed' });
    expect(toDocument(SessionConfig, SessionConfig.parse({}))).toMatchObject({ memory_base_path: '~/.cortex/memory', hot_window_size: 20, warm_summary_threshold: 50 });
    for (const method of ['getOrCreate', 'recordMessage', 'recordResponse', 'touch', 'close', 'pause', 'resume'] satisfies (keyof SessionManager)[]) expect(typeof SessionManager.prototype[method]).toBe('function');
    const isOpen = (session: Session, store: SessionStore): boolean => session.state !== SessionState.CLOSED && store !== undefined;
    expect(isOpen).toBeTypeOf('function');
  });

  it('of plugins: CONFIRM and ADMIN among the tiers, and the guide as it stands', async () => {
    expect(ActionTier).toEqual({ AUTO: 'auto', CONFIRM: 'confirm', ADMIN: 'admin' });
    const { registry, plugin } = calendar();
    await registry.register(plugin);
    expect(await registry.setupAllPending()).toEqual([{ plugin: 'calendar', ok: true }]);
    expect(await registry.execute('calendar', 'list_events', { start: '2026-06-01', end: '2026-06-30' })).toMatchObject({ success: true, data: { events: ['2026-06-01', '2026-06-30'], key: '[secret]' } });
    await expect(registry.execute('calendar', 'list_events', { start: 7 })).rejects.toBeInstanceOf(PluginValidationError);
    await expect(registry.execute('calendar', 'create_event', {}, { whenPending: 'refuse' })).rejects.toMatchObject({ code: 'PLUGIN_APPROVAL_PENDING' });
    expect(await registry.health('calendar')).toMatchObject({ plugin: 'calendar', status: PluginHealthStatus.HEALTHY });
    expect(['discoverAndRegister', 'setupAllPending', 'execute', 'list', 'get', 'health', 'healthAll', 'unload'].filter((method) => !(method in registry))).toEqual([]);
  });

  it('of what is thrown: each under the root, and under the one that the documents put it', () => {
    const families: [base: abstract new (...args: never[]) => Error, errors: (abstract new (...args: never[]) => Error)[]][] = [
      [CortexRuntimeError, [BusError, CortexProviderError, CortexMemoryError]],
      [BusError, [BusConnectionError, BusSerializationError]],
      [CortexProviderError, [ProviderConnectionError, ProviderExecutionError, ProviderTimeoutError]],
      [CortexMemoryError, [MemoryFileNotFoundError, MemoryReadError, MemoryWriteError]],
    ];
    for (const [base, errors] of families) for (const each of errors) expect(each.prototype, each.name).toBeInstanceOf(base);
    expect(new ModelUnavailableError('openai:x', '503')).toBeInstanceOf(ProviderConnectionError);
    expect(new ModelRequestRefusedError('openai:x', '404')).toBeInstanceOf(ProviderExecutionError);
    expect(new ModelRequestRefusedError('openai:x', '404')).not.toBeInstanceOf(ProviderTimeoutError);
  });
});

/** The plugin of the guide, line by line. */
function calendar() {
  const createId = idGenerator({ clock, random });
  const registry = createPluginRegistry({ clock, createId, logger: silentLogger, journal: new InMemoryJournal({ clock, createId }), broker: { get: async (name) => `the value of ${name}` } });
  onTestFinished(() => registry.close());
  let key = '';
  const plugin: ServicePlugin = {
    name: 'calendar',
    version: '1.0.0',
    description: 'Read and write calendar events',
    async setup(broker) {
      key = await broker.get('calendar_api_key');
    },
    async teardown() {},
    listActions: (): PluginActionInfo[] => [
      {
        name: 'list_events',
        description: 'List calendar events for a date range',
        tier: ActionTier.AUTO,
        parameters: { type: 'object', properties: { start: { type: 'string', description: 'ISO date' }, end: { type: 'string', description: 'ISO date' } }, required: ['start', 'end'] },
      },
      { name: 'create_event', description: 'Create a calendar event', tier: ActionTier.CONFIRM },
    ],
    executeAction: async (action, params): Promise<PluginResult> =>
      action === 'list_events' ? { success: true, data: { events: [params['start'] ?? null, params['end'] ?? null], key } } : { success: false, error: `Unknown action: ${action}` },
    health: async (): Promise<PluginHealthReport> => ({ plugin: 'calendar', status: PluginHealthStatus.HEALTHY }),
  };
  return { registry, plugin };
}
