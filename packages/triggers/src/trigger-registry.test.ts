import type { JsonValue } from '@cortex-runtime/core';
import { fixedClock } from '@cortex-runtime/core/testing';
import { describe, expect, it, onTestFinished } from 'vitest';

import { RecordedMemory, triggerConfig, triggerRig } from '../test/trigger-rig.ts';
import {
  createTrigger, createTriggerRegistry, CronTrigger, EventTrigger, FileWatchTrigger, MessageTrigger, registeredTriggerTypes, registerTriggerType, TaskTrigger, triggerIdOf, unregisterTriggerType,
  validateTriggerConfig, WebhookTrigger, type BaseTrigger, type TaskSubscriber, type TriggerEvent,
} from './index.ts';

const custom: BaseTrigger = { triggerId: 'q', triggerType: 'sqs', start: () => Promise.resolve(), stop: () => Promise.resolve(), waitForNext: () => Promise.reject(new Error('never')) };

describe('createTrigger', () => {
  it('makes each built-in type', () => {
    const { deps } = triggerRig(fixedClock());
    const subscribe = () => Promise.resolve(() => Promise.resolve());
    const tasks = { subscribe: () => Promise.resolve({ limit: () => {}, stop: () => Promise.resolve() }) };
    const all = { ...deps, eventBus: { subscribe }, broker: { subscribe }, tasks };
    expect(createTrigger(triggerConfig({ type: 'cron', cron_expression: '@daily' }), all)).toBeInstanceOf(CronTrigger);
    expect(createTrigger(triggerConfig({ type: 'webhook' }), all)).toBeInstanceOf(WebhookTrigger);
    expect(createTrigger(triggerConfig({ type: 'file_watch', watch_path: 'in' }), all)).toBeInstanceOf(FileWatchTrigger);
    expect(createTrigger(triggerConfig({ type: 'event', event_type: 'a.b' }), all)).toBeInstanceOf(EventTrigger);
    expect(createTrigger(triggerConfig({ type: 'message', topic: 't' }), all)).toBeInstanceOf(MessageTrigger);
    expect(createTrigger(triggerConfig({ type: 'task', task_domains: ['eng'] }), all)).toBeInstanceOf(TaskTrigger);
  });

  it('says what an unknown type probably meant, and which there are', () => {
    const { deps } = triggerRig(fixedClock());
    expect(() => createTrigger(triggerConfig({ type: 'webhok' }), deps)).toThrow(/did you mean "webhook"\? registered types are cron, event, file_watch, message, task, webhook/);
  });

  it('says which host setting an event or a message trigger needs', () => {
    const { deps } = triggerRig(fixedClock());
    expect(() => createTrigger(triggerConfig({ type: 'event', event_type: 'a' }), deps)).toThrow(/eventBus/);
    expect(() => createTrigger(triggerConfig({ type: 'message', topic: 'a' }), deps)).toThrow(/broker/);
    expect(() => createTrigger(triggerConfig({ type: 'task' }), deps)).toThrow(/dispatcher/);
  });

  it('makes registered types, until they are taken away again', () => {
    const { deps } = triggerRig(fixedClock());
    registerTriggerType('sqs', () => custom);
    onTestFinished(() => void unregisterTriggerType('sqs'));
    expect(registeredTriggerTypes()).toEqual(['cron', 'event', 'file_watch', 'message', 'sqs', 'task', 'webhook']);
    expect(createTrigger(triggerConfig({ type: 'sqs', custom_config: { queue_url: 'x' } }), deps)).toBe(custom);
    expect(() => registerTriggerType('sqs', () => custom)).toThrow(/registered already/);
    registerTriggerType('sqs', () => custom, { overwrite: true });
    expect(() => registerTriggerType('__proto__', () => custom)).toThrow(/lower-case/);
    expect(unregisterTriggerType('sqs')).toBe(true);
    expect(unregisterTriggerType('sqs')).toBe(false);
    expect(createTriggerRegistry().names()).toHaveLength(6);
  });
});

describe('triggerIdOf', () => {
  it('is the id, or the same name for the same settings in any order', () => {
    expect(triggerIdOf(triggerConfig({ type: 'cron', id: 'nightly' }))).toBe('nightly');
    const id = triggerIdOf(triggerConfig({ type: 'webhook', webhook_path: '/a', allowed_sources: ['::1'] }));
    expect(id).toBe(triggerIdOf(triggerConfig({ allowed_sources: ['::1'], webhook_path: '/a', type: 'webhook', overlap: 'queue' })));
    expect(id).toMatch(/^webhook-[0-9a-f]{8}$/);
    expect(id).not.toBe(triggerIdOf(triggerConfig({ type: 'webhook', webhook_path: '/b' })));
  });

  it('does not change when a secret is rotated, and stays as it was in earlier releases', () => {
    expect(triggerIdOf(triggerConfig({ type: 'webhook', hmac_secret: 'a' }))).toBe(triggerIdOf(triggerConfig({ type: 'webhook', hmac_secret: 'b' })));
    expect(triggerIdOf(triggerConfig({ type: 'cron', cron_expression: '0 9 * * *' }))).toBe('cron-8b2f7a4f');
  });
});

describe('validateTriggerConfig', () => {
  it.each<[string, Record<string, unknown>, RegExp | undefined]>([
    ['type', { type: 'corn', cron_expression: '* * * * *' }, /did you mean "cron"/],
    ['cron_expression', { type: 'cron' }, /is required/],
    ['cron_expression', { type: 'cron', cron_expression: '0 0 30 2 *' }, /./],
    ['cron_expression', { type: 'cron', cron_expression: 'every day' }, /2 fields/],
    ['cron_timezone', { type: 'cron', cron_expression: '@daily', cron_timezone: 'Mars/Base' }, /IANA/],
    ['filter_expression', { type: 'cron', cron_expression: '@daily', filter_expression: 'a =' }, /column 3/],
    ['hmac_secret', { type: 'webhook', signature_scheme: 'stripe' }, /is required/],
    ['hmac_secret', { type: 'webhook', signature_header: 'X-Sig' }, /is required/],
    ['hmac_secret', { type: 'webhook', hmac_secret: 'a\nb\nc\nd' }, /one to three/],
    ['delivery_id_header', { type: 'webhook', signature_scheme: 'stripe', hmac_secret: 'x', delivery_id_header: 'X-Id' }, /not signed/],
    ['allowed_sources[1]', { type: 'webhook', allowed_sources: ['::1', 'home'] }, /no address/],
    ['watch_path', { type: 'file_watch' }, /is required/],
    ['watch_patterns[0]', { type: 'file_watch', watch_path: 'in', watch_patterns: ['{{a}}'] }, /braces/],
    ['watch_ignore[0]', { type: 'file_watch', watch_path: 'in', watch_ignore: ['{a,b}'.repeat(10)] }, /more than 64/],
    ['event_type', { type: 'event' }, /is required/],
    ['topic', { type: 'message' }, /is required/],
  ])('reports %s of %j', (path, document, message) => {
    const issues = validateTriggerConfig(triggerConfig(document));
    expect(issues).toEqual([expect.objectContaining({ path, message: expect.stringMatching(message ?? /./) })]);
  });

  it('finds nothing wrong with what is right, references included', () => {
    for (const document of [
      { type: 'cron', cron_expression: '0 30 9 * * 1-5', cron_timezone: 'Europe/Berlin', filter_expression: "payload.scheduled_time != ''" },
      { type: 'webhook', hmac_secret: '${HOOK_SECRET}', signature_scheme: 'github', allowed_sources: ['10.0.0.0/8', '::1'] },
      { type: 'file_watch', watch_path: '${DROP:-in}', watch_patterns: ['*.{csv,json}'] },
      { type: 'event', event_type: 'a.b' },
      { type: 'message', topic: 'orders.*' },
    ]) expect(validateTriggerConfig(triggerConfig(document))).toEqual([]);
  });
});

describe('triggers that listen to a bus', () => {
  type Handler = (event: { eventType: string; eventId: string; source: string; data: JsonValue; cause?: readonly string[] }) => Promise<void>;

  it('lets the bus acknowledge an event only when it is durable', async () => {
    const { deps } = triggerRig(fixedClock());
    let handler: Handler = () => Promise.resolve();
    let isSubscribed = false;
    let filter: { source?: string } | undefined;
    const trigger = new EventTrigger(
      { ...deps, eventBus: { subscribe: (_type, given, options) => { handler = given; filter = options; isSubscribed = true; return Promise.resolve(() => { isSubscribed = false; return Promise.resolve(); }); } } },
      triggerConfig({ type: 'event', id: 'orders', event_type: 'order.paid', event_source: 'shop' }),
    );
    await trigger.start();
    expect(filter).toEqual({ source: 'shop' });
    const delivery = handler({ eventType: 'order.paid', eventId: '7', source: 'shop', data: { total: 3 }, cause: ['run-1'] });
    const event: TriggerEvent = await trigger.waitForNext();
    expect(event).toMatchObject({ eventId: 'event:orders:7', triggerType: 'event', cause: ['run-1'], payload: { event_type: 'order.paid', event_id: '7', source: 'shop', data: { total: 3 } } });
    await trigger.acknowledge(event, 'accepted');
    await delivery;
    const refused = handler({ eventType: 'order.paid', eventId: '8', source: 'shop', data: 1 });
    await trigger.reject(await trigger.waitForNext(), { message: 'full', retryAfterMs: 1_000 });
    await expect(refused).rejects.toMatchObject({ retryable: true, message: expect.stringMatching(/full/) });
    await trigger.stop();
    expect(isSubscribed).toBe(false);
    await expect(handler({ eventType: 'order.paid', eventId: '9', source: 'shop', data: 1 })).rejects.toThrow(/not running/);
  });

  it('takes a task when it is durable, and no more than the agent can begin', async () => {
    const memory = new RecordedMemory();
    const { deps } = triggerRig(fixedClock(), { memory });
    let handler: Parameters<TaskSubscriber['subscribe']>[1] = () => Promise.resolve('accepted');
    const limits: number[] = [];
    const tasks: TaskSubscriber = {
      subscribe: (agent, given) => {
        expect(agent).toEqual({ name: 'watcher', domains: ['eng'], primaryFor: [], places: 2 });
        handler = given;
        return Promise.resolve({ limit: (places) => void limits.push(places), stop: () => Promise.resolve() });
      },
    };
    const trigger = new TaskTrigger({ ...deps, tasks, concurrency: 2 }, triggerConfig({ type: 'task', id: 'work', task_domains: ['eng'] }));
    await trigger.start();
    const delivery = handler({ taskId: 't1', payload: { text: 'build it' }, replyTo: { room_id: 'R' } });
    const event = await trigger.waitForNext();
    expect(event).toMatchObject({ eventId: 'task:t1', triggerType: 'task', payload: { text: 'build it' }, metadata: { reply_to: { room_id: 'R' } } });
    memory.open = 1;
    await trigger.acknowledge(event, 'accepted');
    await delivery;
    memory.open = 0;
    trigger.eventClosed();
    expect(limits).toEqual([1, 2]);
    const refused = handler({ taskId: 't2', payload: {}, replyTo: {} });
    await trigger.reject(await trigger.waitForNext(), { message: 'it is stopped', retryAfterMs: 1_000 });
    await expect(refused).rejects.toMatchObject({ retryable: true });
    await trigger.stop();
    trigger.eventClosed();
    expect(limits).toHaveLength(2);
  });

  it('says so when it can not subscribe', async () => {
    const { deps } = triggerRig(fixedClock());
    const trigger = new MessageTrigger({ ...deps, broker: { subscribe: () => Promise.reject(new Error('no route to host')) } }, triggerConfig({ type: 'message', topic: 't' }));
    await expect(trigger.start()).rejects.toMatchObject({ code: 'TRIGGER_ERROR', retryable: true });
    await expect(trigger.waitForNext()).rejects.toMatchObject({ code: 'TRIGGER_STOPPED' });
  });
});
