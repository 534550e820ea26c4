import { randomUUID } from 'node:crypto';

import { Keyspace } from '@cortex-runtime/bus';
import { RedisStreamBus } from '@cortex-runtime/bus/redis';
import { idGenerator } from '@cortex-runtime/core';
import { systemClock, systemRandom } from '@cortex-runtime/core/node';
import { channelStream, TaskClient } from '@cortex-runtime/dispatch';
import { describe, expect, inject, it, onTestFinished } from 'vitest';

import { quietAgent, workshop } from './running-host.ts';

declare module 'vitest' {
  interface ProvidedContext {
    redisUrl: string;
  }
}

const wait = { timeout: 30_000, interval: 20 };
type Running = Awaited<ReturnType<ReturnType<typeof workshop>['start']>>;

const answers = `rules:
  - when: { trigger_type: task }
    respond: { text: "{{run.process_name}} did {{payload.text}}" }
fallback: { text: "seen {{payload}}" }
`;
const slow = `fallback: { text: "slowly: {{payload.text}}", delay: 0.4 }\n`;
const fails = 'rules: [{ when: { user_contains: "no such words" }, respond: { text: "no" } }]\n';

function office(agents: Record<string, string>, script = answers) {
  const shop = workshop();
  shop.write('agents/answer.yaml', script);
  for (const [name, rest] of Object.entries(agents)) shop.write(`agents/${name}.agent`, quietAgent(name, rest));
  return shop;
}

const entries = async ({ client }: Running, name: string, type: string) => (await client.getJournal(name, { type, limit: 500 })).entries;
const responses = async (running: Running, name: string) => (await entries(running, name, 'invocation_result')).map(({ data }) => String(data['response']).split('\n')[0]);
/** An answer of the scripted model says what it is below. */
const says = (text: string) => expect.stringMatching(new RegExp(`^${text}\n`)) as string;

/** An organisation of its own on the Redis of the tests. */
const onRedis = (more: Record<string, string> = {}) => ({ CORTEX_REDIS_URL: inject('redisUrl'), CORTEX_ORG_ID: `org-${randomUUID().slice(0, 8)}`, ...more });

/** A client that is part of no host. */
function redisBus(environment: Record<string, string>) {
  const bus = new RedisStreamBus({ clock: systemClock, random: systemRandom }, { url: environment['CORTEX_REDIS_URL'], streamPrefix: new Keyspace(environment['CORTEX_ORG_ID']).streamPrefix });
  const client = new TaskClient({ bus, clock: systemClock, createId: idGenerator({ clock: systemClock, random: systemRandom }) });
  onTestFinished(async () => {
    await client.close();
    await bus.close();
  });
  return { bus, client };
}

describe.each([['within a host', {}], ['over Redis', { CORTEX_REDIS_URL: inject('redisUrl') }]] as [string, Record<string, string>][])('the mesh %s', (name, backend) => {
  const usable = (skip: (when: boolean, why: string) => void) => {
    skip(Object.values(backend).includes(''), 'no redis-server');
    return { ...backend, CORTEX_ORG_ID: `org-${randomUUID().slice(0, 8)}` };
  };

  it('wakes agents by events of a type and a source, once each', async ({ skip }) => {
    const environment = usable(skip);
    const running = await office({ clerk: 'triggers: [{ type: event, event_type: "order.*", event_source: shop }]\nconfig: { concurrency: 4 }\n' }).start({ environment });
    const { mesh } = running.host;
    for (const [type, source, eventId] of [['order.paid', 'shop', 'e1'], ['order.paid', 'elsewhere', 'e2'], ['stock.low', 'shop', 'e3'], ['order.sent', 'shop', 'e4'], ['order.sent', 'shop', 'e4']] as const) {
      await mesh.emit({ eventType: type, data: { n: 1 }, source, eventId, cause: ['why'] });
    }
    await expect.poll(() => responses(running, 'clerk').then(({ length }) => length), wait).toBe(2);
    const events = await entries(running, 'clerk', 'trigger_event');
    expect(events.map(({ data }) => (data['payload'] as { event_id: string }).event_id).sort()).toEqual(['e1', 'e4']);
    expect(events[0]?.data).toMatchObject({ trigger_type: 'event', cause: ['why'] });
  });

  it('gives each subscriber of a topic every message, once', async ({ skip }) => {
    const environment = usable(skip);
    const trigger = 'triggers: [{ type: message, topic: news }]\nconfig: { concurrency: 4 }\n';
    const shop = office({ one: trigger, two: trigger });
    const running = await shop.start({ environment });
    await running.host.mesh.publish('news', { content: { n: 1 }, sender: 'desk' });
    await running.host.mesh.publish('news', { content: { n: 2 }, sender: 'desk', messageId: 'same' });
    await running.host.mesh.publish('news', { content: { n: 2 }, sender: 'desk', messageId: 'same' });
    for (const agent of ['one', 'two']) await expect.poll(() => responses(running, agent).then(({ length }) => length), wait).toBe(2);
    expect((await entries(running, 'one', 'trigger_event'))[1]?.data).toMatchObject({ payload: { topic: 'news', sender: 'desk', content: { n: 2 } } });
  });

  it('gives a task to the agent that it is for, and its result to whoever asks', async ({ skip }) => {
    const environment = usable(skip);
    const running = await office({ forge: 'description: Builds what is asked for.\ntriggers: [{ type: task, task_domains: [eng] }]\n', quill: 'triggers: [{ type: task, task_domains: [docs], task_primary_for: [docs] }]\n' }).start({ environment });
    const { mesh } = running.host;
    const byName = await mesh.submit({ text: 'build it', agent: 'FORGE', taskId: 't1' });
    expect(byName).toMatchObject({ taskId: 't1', agent: 'forge', rule: 'agent', isDuplicate: false });
    expect(await mesh.submit({ text: 'build it', agent: 'FORGE', taskId: 't1' })).toMatchObject({ msgId: byName.msgId, isDuplicate: true });
    await expect(mesh.submit({ text: 'build something else', agent: 'forge', taskId: 't1' })).rejects.toMatchObject({ code: 'DISPATCH_CONFLICT' });
    const byMention = await mesh.submit({ text: '@quill write it down' });
    expect(byMention).toMatchObject({ agent: 'quill', rule: 'mention' });
    const byDomain = await mesh.submit({ text: 'mend it', domain: 'eng' });
    expect(await mesh.result('t1', 20_000)).toMatchObject({ task_id: 't1', status: 'success', agent: 'forge', response_text: says('forge did build it'), attempts: 1 });
    expect(await mesh.result(byMention.taskId, 20_000)).toMatchObject({ agent: 'quill', response_text: says('quill did @quill write it down') });
    expect(await mesh.result(byDomain.taskId, 20_000)).toMatchObject({ agent: 'forge', domain: 'eng' });
    expect(await responses(running, 'forge')).toEqual(['forge did build it', 'forge did mend it']);
    await expect(mesh.submit({ text: 'x', agent: 'forg' })).rejects.toMatchObject({ code: 'NOBODY_THERE', message: expect.stringContaining('did you mean "forge"?') as string });
    await expect(mesh.submit({ text: 'x', domain: 'law' })).rejects.toMatchObject({ code: 'NOBODY_THERE' });
    await expect(mesh.submit({ text: 'x', domain: 'eng', agent: 'forge' })).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    await expect(mesh.submit({ text: 'nobody is meant' })).rejects.toMatchObject({ code: 'NOBODY_THERE', message: expect.stringContaining('mention one (@name)') as string });
    await expect(mesh.submit({ text: '@forg, build it' })).rejects.toMatchObject({ code: 'NOBODY_THERE', message: expect.stringContaining('no agent "forg" takes tasks; did you mean "forge"?') as string });
    await expect(mesh.result('never', 0)).rejects.toMatchObject({ code: 'TASK_NOT_FOUND' });
    expect(await mesh.agents()).toMatchObject([{ name: 'forge', domains: ['eng'], description: 'Builds what is asked for.', is_present: true }, { name: 'quill', primary_for: ['docs'], description: '', is_present: true }]);
    expect(await mesh.health()).toMatchObject({ ok: true, kind: name === 'over Redis' ? 'redis' : 'memory' });
  });

  it('lets an agent ask another, as far as its manifest allows, and goes on with the answer', async ({ skip }) => {
    const environment = usable(skip);
    const shop = office({ forge: 'triggers: [{ type: task }, { type: event, event_type: "clerk.*" }]\nconfig: { concurrency: 4 }\n' });
    shop.write('agents/clerk.yaml', [
      'rules:',
      '  - when: { turn: 1 }',
      '    respond: { tool_calls: [{ name: ask_agent, arguments: { agent: forge, text: "build {{payload.what}}" } }, { name: ask_agent, arguments: { agent: other, text: x } }, { name: emit_event, arguments: { event_type: clerk.asked } }] }',
      '  - when: { after_tool: emit_event }',
      '    respond: { text: "{{results.ask_agent}}" }',
    ].join('\n'));
    shop.write('agents/clerk.agent', 'name: clerk\nmodel: scripted:clerk.yaml\nmesh: { ask: [forge], emit: ["clerk.*"] }\n');
    const running = await shop.start({ environment });
    await running.client.inject('clerk', { payload: { what: 'a boat' }, eventId: 'order-1' });
    await expect.poll(() => entries(running, 'clerk', 'tool_result').then((found) => found.map(({ data }) => String(data['content']))), wait).toEqual([
      expect.stringContaining('| forge did build a boat') as string, 'you may not ask other, only forge', 'emitted clerk.asked',
    ]);
    const events = await entries(running, 'forge', 'trigger_event');
    expect(events.map(({ data }) => [data['trigger_type'], data['cause']]).sort()).toEqual([['event', ['order-1']], ['task', ['order-1']]]);
  });

  it('says what an agent that failed, declined or was cancelled has to say', async ({ skip }) => {
    const environment = usable(skip);
    const triggers = (more = '') => `triggers: [{ type: task${more} }]\ntrigger_delivery: { max_retries: 1, retry_backoff: 10ms }\n`;
    const shop = office({ broken: triggers(), picky: triggers(', filter_expression: "contains(payload.text, \'yes\')"') }, fails);
    shop.write('agents/slow.yaml', slow);
    shop.write('agents/slow.agent', `name: slow\nmodel: scripted:slow.yaml\n${triggers()}`);
    const running = await shop.start({ environment });
    const { mesh } = running.host;
    const failed = await mesh.submit({ text: 'x', agent: 'broken' });
    expect(await mesh.result(failed.taskId, 20_000)).toMatchObject({ status: 'failure', error_code: 'DISPATCH_GIVEN_UP', error: expect.stringMatching(/^not retryable: .*no rule/) as string, attempts: 1 });
    const declined = await mesh.submit({ text: 'no', agent: 'picky' });
    expect(await mesh.result(declined.taskId, 20_000)).toMatchObject({ status: 'failure', error_code: 'DISPATCH_REFUSED', agent: 'picky' });
    expect(await entries(running, 'picky', 'trigger_event')).toEqual([]);

    const first = await mesh.submit({ text: 'long', agent: 'slow' });
    const second = await mesh.submit({ text: 'waits', agent: 'slow' });
    await expect.poll(() => entries(running, 'slow', 'invocation_start').then(({ length }) => length), wait).toBe(1);
    // Nobody has begun the second: it is gone at once. The first is with its agent, which is asked to stop.
    expect(await mesh.cancel(second.taskId, { by: 'ada', reason: 'not needed' })).toBe(true);
    await mesh.cancel(first.taskId, { by: 'ada' });
    for (const { taskId } of [first, second]) expect(await mesh.result(taskId, 20_000)).toMatchObject({ status: 'failure', error_code: 'DISPATCH_CANCELLED', error: expect.stringContaining('cancelled by ada') as string });
    expect(await responses(running, 'slow')).toEqual([]);
    expect((await running.client.getProcess('slow')).consecutiveFailures).toBe(0);
  });
});

describe('a host without Redis', () => {
  it('forgets no task that was handed in, and no result, when it is started again', async () => {
    const shop = office({ forge: 'triggers: [{ type: task }]\n', busy: 'triggers: [{ type: task }]\n' });
    shop.write('agents/slow.yaml', slow);
    shop.write('agents/busy.agent', 'name: busy\nmodel: scripted:slow.yaml\ntriggers: [{ type: task }]\n');
    const first = await shop.start();
    const done = await first.host.mesh.submit({ text: 'build it', agent: 'forge', taskId: 'done' });
    expect(await first.host.mesh.result(done.taskId, 20_000)).toMatchObject({ status: 'success' });
    for (const taskId of ['b1', 'b2', 'b3', 'gone']) await first.host.mesh.submit({ text: taskId, agent: 'busy', taskId });
    expect(await first.host.mesh.cancel('gone', { by: 'ada' })).toBe(true);
    await first.host.stop('an update');

    const second = await shop.start();
    expect(await second.host.mesh.result('done', 0)).toMatchObject({ response_text: says('forge did build it') });
    expect(await second.host.mesh.result('gone', 0)).toMatchObject({ error_code: 'DISPATCH_CANCELLED' });
    for (const taskId of ['b1', 'b2', 'b3']) expect(await second.host.mesh.result(taskId, 20_000)).toMatchObject({ response_text: says(`slowly: ${taskId}`) });
    expect(await second.host.mesh.submit({ text: 'build it', agent: 'forge', taskId: 'done' })).toMatchObject({ isDuplicate: true });
    await expect(second.host.mesh.submit({ text: 'build it twice', agent: 'forge', taskId: 'done' })).rejects.toMatchObject({ code: 'DISPATCH_CONFLICT' });
    expect(await responses(second, 'busy')).toHaveLength(3);
    expect(await responses(second, 'forge')).toHaveLength(1);
    const third = await shop.start({ environment: { CORTEX_DATA_DIR: 'elsewhere' } });
    await expect(third.host.mesh.result('done', 0)).rejects.toMatchObject({ code: 'TASK_NOT_FOUND' });
  });
});

describe.skipIf(inject('redisUrl') === '')('hosts on one Redis', () => {
  it('share a domain, neither hoarding what the other could begin', async () => {
    const environment = onRedis();
    const worker = { worker: 'triggers: [{ type: task, task_domains: [eng] }]\n' };
    const [one, other] = await Promise.all([office(worker, slow).start({ environment }), office(worker, slow).start({ environment })]);
    const tasks = await Promise.all(Array.from({ length: 8 }, (_, n) => one.host.mesh.submit({ text: `t${n}`, domain: 'eng' })));
    for (const { taskId } of tasks) expect(await other.host.mesh.result(taskId, 30_000).catch((error: unknown) => error)).toMatchObject({ status: 'success' });
    const counts = [await responses(one, 'worker'), await responses(other, 'worker')].map(({ length }) => length);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(8);
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(3);
    expect(await one.host.mesh.agents()).toMatchObject([{ name: 'worker', instances: [{}, {}] }]);
  });

  it('miss no event and no message that came while they were down', async () => {
    const environment = onRedis();
    const shop = office({ clerk: 'triggers: [{ type: event, event_type: order.paid }, { type: message, topic: news }]\nconfig: { concurrency: 8 }\n' });
    const elsewhere = await office({ idle: '' }).start({ environment });
    const first = await shop.start({ environment });
    await elsewhere.host.mesh.emit({ eventType: 'order.paid', data: 0, source: 'shop', eventId: 'e0' });
    await expect.poll(() => responses(first, 'clerk').then(({ length }) => length), wait).toBe(1);
    await first.host.stop('an update');
    for (let n = 1; n <= 3; n += 1) {
      await elsewhere.host.mesh.emit({ eventType: 'order.paid', data: n, source: 'shop', eventId: `e${n}` });
      await elsewhere.host.mesh.publish('news', { content: n, sender: 'desk' });
    }
    // The update changes the triggers: what they listen to stays.
    shop.write('agents/clerk.agent', quietAgent('clerk', 'triggers: [{ type: event, event_type: order.paid }, { type: message, topic: news, filter_expression: "payload.content > 0" }]\nconfig: { concurrency: 8 }\n'));
    const second = await shop.start({ environment });
    await expect.poll(() => responses(second, 'clerk').then(({ length }) => length), wait).toBe(7);
    const ids = (await entries(second, 'clerk', 'trigger_event')).map(({ data }) => data['event_id']);
    expect(new Set(ids).size).toBe(7);
  });

  it('keep nothing for a subscription that an agent has no more', async () => {
    const environment = onRedis();
    const { bus } = redisBus(environment);
    const shop = office({ clerk: 'triggers: [{ type: message, topic: news }, { type: message, topic: news, filter_expression: "payload.content > 9" }, { type: message, topic: prices }]\n', other: 'triggers: [{ type: message, topic: news }]\n' });
    const first = await shop.start({ environment });
    const groups = async () => Object.fromEntries(await Promise.all(['news', 'prices'].map(async (topic) => [topic, (await bus.inspect(`topic:${topic}`)).groups.map(({ name }) => name).sort()])));
    await expect.poll(groups, wait).toEqual({ news: ['clerk', 'clerk.2', 'other'], prices: ['clerk'] });
    await first.host.stop('an update');
    shop.write('agents/clerk.agent', quietAgent('clerk', 'triggers: [{ type: message, topic: news, filter_expression: "payload.content > 1" }]\n'));
    const second = await shop.start({ environment });
    await expect.poll(groups, wait).toEqual({ news: ['clerk', 'other'], prices: [] });
    await second.host.runtime.removeProcess('clerk');
    await expect.poll(groups, wait).toEqual({ news: ['other'], prices: [] });
  });

  it('give what an agent says to the channel that asked, once', async () => {
    const environment = onRedis();
    const { bus, client } = redisBus(environment);
    const running = await office({ forge: 'triggers: [{ type: task, task_domains: [eng] }]\n' }).start({ environment });
    await bus.createGroup(channelStream('web'), 'test');
    const task = await client.submit({ messageId: 'm1', text: 'build it', sender: 'Ada', senderId: 'u1', roomId: 'R1', domain: 'eng', metadata: { channel: 'web' } });
    expect(await client.waitFor(task, { timeoutMs: 20_000 })).toMatchObject({ status: 'success', responseText: says('forge did build it'), replyDelivered: true });
    const calls = (await bus.readGroup(channelStream('web'), { group: 'test', consumer: 'c', count: 100 })).map(({ payload }) => JSON.parse(Buffer.from(payload).toString()) as { call: string; text?: string; room_id?: string });
    expect(calls.filter(({ call }) => call === 'send')).toMatchObject([{ text: says('forge did build it'), room_id: 'R1' }]);
    const [{ text: whole } = {}] = calls.filter(({ call }) => call === 'send');
    for (const { text } of calls.filter(({ call }) => call === 'piece')) expect(whole).toContain(text);
    // It belongs to a conversation, which the next task of the thread continues.
    const [session] = await running.client.listSessions();
    expect(session).toMatchObject({ channel: 'web', domain: 'eng', messageCount: 2 });
  });

  it('start while Redis is away, and work when it comes', async () => {
    const { redisServer } = await import('@cortex-runtime/bus/testing/servers');
    const server = await redisServer();
    onTestFinished(() => server.stop());
    await server.kill();
    const environment = { CORTEX_REDIS_URL: server.url };
    const running = await office({ forge: 'triggers: [{ type: task, task_domains: [eng] }, { type: message, topic: news }, { type: event, event_type: x }]\nconfig: { concurrency: 4 }\n' }).start({ environment });
    expect((await running.client.getProcess('forge')).state).toBe('running');
    expect(await running.host.mesh.health()).toMatchObject({ ok: false });
    await server.restart();
    await expect.poll(() => running.host.mesh.submit({ text: 'build it', agent: 'forge', taskId: 't1' }).then(({ agent }) => agent, (error: { code: string }) => error.code), wait).toBe('forge');
    expect(await running.host.mesh.result('t1', 20_000)).toMatchObject({ status: 'success' });
    await expect.poll(async () => {
      await running.host.mesh.publish('news', { content: 1, sender: 's', messageId: 'm' });
      await running.host.mesh.emit({ eventType: 'x', data: 1, source: 's', eventId: 'e' });
      return (await entries(running, 'forge', 'trigger_event')).length;
    }, wait).toBe(3);
  });
});
