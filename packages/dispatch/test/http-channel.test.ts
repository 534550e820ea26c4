import { BusConnectionError, BusFullError } from '@cortex-runtime/bus';
import { InvalidInputError, parseDocument } from '@cortex-runtime/core';
import { fixedClock } from '@cortex-runtime/core/testing';
import { describe, expect, it, onTestFinished } from 'vitest';

import { BusChannel, ChannelRelay, MessageConflictError, type ChannelMessage } from '../src/index.ts';
import { HttpChannelEvents, HttpChannelProblem, HttpMessageAnswer, httpChannel, type HttpChannelOptions } from '../src/node/index.ts';
import { describeChannelContract } from '../src/testing/index.ts';
import { call, openHttp, rawConnection, token, watchRoom, type Called } from './support/http.ts';
import { buses, clock, createId, gate, random, until } from './support/mesh.ts';

describeChannelContract('httpChannel', async () => {
  const http = await openHttp();
  return watchRoom(http, http.channel);
});

describeChannelContract('httpChannel behind a BusChannel', async () => {
  const http = await openHttp();
  const [bus, gathering] = [buses.memory()(), fixedClock()];
  const relay = new ChannelRelay({ bus, channel: http.channel, clock, random });
  await relay.start();
  onTestFinished(() => relay.stop());
  const far = new BusChannel({ bus, clock: gathering }, 'http');
  const channel = Object.assign(far, { listen: http.channel.listen.bind(http.channel) });
  const room = await watchRoom(http, channel);
  return {
    ...room,
    async seen() {
      await gathering.advance(100);
      return room.seen();
    },
  };
});

const dispatched = { taskId: 't1', agent: 'forge', domain: 'eng', isDuplicate: false, stream: 'tasks:eng', msgId: '1-1', streamId: '1-1', rule: 'domain' };

describe('a message that is handed in over HTTP', () => {
  it('is given to the handler as it was written, and answered with what may be known of it', async () => {
    const { channel, post } = await openHttp({ name: 'web' });
    const messages: ChannelMessage[] = [];
    await channel.listen(async (message) => {
      messages.push(message);
      return dispatched;
    });
    const body = {
      text: '@forge do this', sender_id: 'u1', sender: 'Ann', message_id: 'm-1', thread_id: 't-1', mentions: ['forge'], domain: 'eng', priority: 'high', dm_target: 'anvil', attachments: [{ title: 'a', mimeType: 'x', n: [1, null] }],
    };
    const answered = await post(body, 'r%2F1%20%C3%BC');
    expect(messages).toEqual([{
      id: 'm-1', text: '@forge do this', channel: 'web', roomId: 'r/1 ü', threadId: 't-1', sender: 'Ann', senderId: 'u1', priority: 'high', attachments: [{ title: 'a', mimeType: 'x', n: [1, null] }],
      metadata: { mentions: ['forge'], domain: 'eng', dm_target: 'anvil' },
    }]);
    expect(answered.status).toBe(202);
    expect(answered.body).toEqual({ message_id: 'm-1', last_event_id: expect.stringMatching(/^[0-9a-f]{8}-0$/) as string, task_id: 't1', agent: 'forge', domain: 'eng', is_duplicate: false });
    expect(parseDocument(HttpMessageAnswer, answered.body)).toMatchObject({ messageId: 'm-1', taskId: 't1' });
  });

  it('is given an id of its own when it has none, and says nothing that was not said', async () => {
    const { channel, post } = await openHttp();
    const messages: ChannelMessage[] = [];
    await channel.listen(async (message) => messages.push(message));
    const [one, two] = [await post({ text: 'hello', sender_id: 'u1' }), await post({ text: 'hello', sender_id: 'u1' })];
    expect(one.body['message_id']).not.toBe(two.body['message_id']);
    expect(one.body).toEqual({ message_id: messages[0]?.id, last_event_id: one.body['last_event_id'] });
    expect(messages[0]).toEqual({ id: one.body['message_id'], text: 'hello', channel: 'http', roomId: 'lobby', threadId: undefined, sender: '', senderId: 'u1', attachments: [], metadata: {} });
  });

  it('is answered when the handler has taken it, and no sooner', async () => {
    const { channel, post } = await openHttp();
    const taken = gate();
    let isAnswered = false;
    const began = gate();
    await channel.listen(async () => {
      began.open();
      await taken.opened;
      return dispatched;
    });
    const answering: Promise<Called> = post({ text: 'hello', sender_id: 'u1' }).then((answer) => {
      isAnswered = true;
      return answer;
    });
    await began.opened;
    expect((await call((await channel.start()).url, 'GET', '/health')).status).toBe(200);
    expect(isAnswered).toBe(false);
    taken.open();
    expect((await answering).status).toBe(202);
  });

  it('can be followed from where it was taken, so that no answer is missed', async () => {
    const { channel, post, follow } = await openHttp();
    await channel.listen(async ({ id, text, roomId }) => {
      await channel.send(roomId, `echo: ${text}`, { replyId: id, agent: 'forge' });
      return dispatched;
    });
    await channel.send('lobby', 'before', { agent: 'forge' });
    const { body } = await post({ text: 'hello', sender_id: 'u1' });
    const stream = await follow('lobby', String(body['last_event_id']));
    expect(await stream.next()).toMatchObject({ event: 'message', data: { text: 'echo: hello' } });
  });

  it.each([
    ['nobody is there', () => Promise.resolve(undefined), 404, 'NOBODY_THERE', null],
    ['its id belongs to another message', () => Promise.reject(new MessageConflictError('m-1', 't1')), 409, 'DISPATCH_CONFLICT', null],
    ['the stream is full', () => Promise.reject(new BusFullError('tasks:eng', 'full')), 503, 'BUS_FULL', '2'],
    ['the bus is away', () => Promise.reject(new BusConnectionError('publish', 'no answer')), 503, 'BUS_CONNECTION', '2'],
    ['its domain is none', () => Promise.reject(new InvalidInputError('metadata.domain', 'must be the name of a domain')), 422, 'INVALID_INPUT', null],
    ['nobody foresaw it', () => Promise.reject(new Error('secret inside')), 500, 'INTERNAL_ERROR', null],
  ] as const)('is refused when %s', async (_why, handler, status, code, retryAfter) => {
    const { channel, post } = await openHttp();
    await channel.listen(handler);
    const answered = await post({ text: 'hello', sender_id: 'u1', message_id: 'm-1' });
    expect(answered).toMatchObject({ status, body: { error: { code } } });
    expect(answered.headers.get('retry-after')).toBe(retryAfter);
    expect(parseDocument(HttpChannelProblem, answered.body).error.message).not.toContain('secret');
    if (status === 422) expect(answered.body.error?.fields).toEqual(['domain']);
    if (status === 500) expect(answered.body.error?.error_id).toMatch(/^[0-9a-f]{12}$/);
  });

  it('is asked to come later when nobody listens, or no longer', async () => {
    const { channel, post } = await openHttp();
    expect(await post({ text: 'hello', sender_id: 'u1' })).toMatchObject({ status: 503, body: { error: { code: 'NOT_LISTENING' } } });
    const end = await channel.listen(async () => dispatched);
    expect((await post({ text: 'hello', sender_id: 'u1' })).status).toBe(202);
    await end();
    expect((await post({ text: 'hello', sender_id: 'u1' })).headers.get('retry-after')).toBe('2');
    await channel.listen(async () => dispatched);
    expect((await post({ text: 'hello', sender_id: 'u1' })).status).toBe(202);
  });

  it('is asked to come later when as many as may be are being taken', async () => {
    const { channel, post } = await openHttp({ maxPendingMessages: 2 });
    const taken = gate();
    let began = 0;
    await channel.listen(async () => {
      began += 1;
      await taken.opened;
      return dispatched;
    });
    const waiting = [post({ text: 'one', sender_id: 'u1' }), post({ text: 'two', sender_id: 'u1' })];
    await until(() => expect(began).toBe(2));
    expect(await post({ text: 'three', sender_id: 'u1' })).toMatchObject({ status: 503, body: { error: { code: 'TOO_MANY_MESSAGES' } } });
    taken.open();
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([202, 202]);
    expect((await post({ text: 'four', sender_id: 'u1' })).status).toBe(202);
  });
});

describe('the life of an HTTP channel', () => {
  it('binds nothing before it is started, and the same when it is started again', async () => {
    const channel = httpChannel({ clock, random, createId }, { token });
    await channel.send('lobby', 'kept for whoever comes', { agent: 'forge' });
    const [one, two] = await Promise.all([channel.start(), channel.start()]);
    expect(one).toEqual(two);
    expect(one.url).toBe(`http://127.0.0.1:${one.port}`);
    expect(await call(one.url, 'GET', '/health')).toMatchObject({ status: 200, body: { status: 'healthy', channel: 'http', rooms: 1, clients: 0 } });
    await channel.close();
    await expect(fetch(`${one.url}/health`)).rejects.toThrow();
  });

  it('says what keeps it from starting', async () => {
    const { port } = await openHttp();
    const channel = httpChannel({ clock, random, createId }, { token, port });
    await expect(channel.start()).rejects.toMatchObject({ code: 'DISPATCH_CHANNEL_START', retryable: false });
    await channel.close();
  });

  it('ends its streams when it closes, answers what it is taking, and tells agents that it takes no more', async () => {
    const { channel, post, follow } = await openHttp();
    const taken = gate();
    const began = gate();
    await channel.listen(async () => {
      began.open();
      await taken.opened;
      return dispatched;
    });
    const stream = await follow();
    const answering = post({ text: 'hello', sender_id: 'u1' });
    await began.opened;
    const closing = channel.close();
    expect(await stream.next()).toBeUndefined();
    taken.open();
    expect((await answering).status).toBe(202);
    await closing;
    await expect(channel.send('lobby', 'late', { replyId: 'r1' })).rejects.toMatchObject({ code: 'DISPATCH_CHANNEL', retryable: true });
    await expect(channel.start()).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    await channel.close();
  });

  it.each([true, false])('does not wait for connections on which nothing is asked, while something is followed: %s', async (isFollowed) => {
    const { channel, port, url, follow } = await openHttp({ closeGraceMs: 1_000_000 });
    const silent = rawConnection(port, '');
    const begun = rawConnection(port, 'GET /health HTTP/1.1\r\nHost:');
    if (isFollowed) await follow();
    expect((await call(url, 'GET', '/health')).status).toBe(200);
    await channel.close();
    await Promise.all([silent.ended, begun.ended]);
  });

  it('waits no longer than it was told for what it is taking', async () => {
    const { channel, post } = await openHttp({ closeGraceMs: 20 });
    const began = gate();
    await channel.listen(() => {
      began.open();
      return new Promise(() => {});
    });
    const answering = post({ text: 'hello', sender_id: 'u1' });
    await began.opened;
    await channel.close();
    await expect(answering).rejects.toThrow();
  });

  it.each([
    [{}, 'token'],
    [{ token: 'short' }, 'token'],
    [{ allowUnauthenticated: true, host: '0.0.0.0' }, 'allowUnauthenticated'],
    [{ allowUnauthenticated: true, host: 'cortex.example' }, 'allowUnauthenticated'],
    [{ token, name: 'a:b' }, 'name'],
    [{ token, port: 70_000 }, 'port'],
    [{ token, tokens: [] }, 'tokens'],
  ] as [HttpChannelOptions, string][])('is not made with options that make no sense: %j', (options, field) => {
    expect(() => httpChannel({ clock, random, createId }, options)).toThrow(field);
  });

  it('shows events that its contract describes', async () => {
    const { channel, follow } = await openHttp();
    const stream = await follow();
    const to = { replyId: 'r1', agent: 'forge', threadId: 't-1' };
    await channel.sendPiece('lobby', 'he', to);
    await channel.discardReply('lobby', to);
    const { messageId } = await channel.send('lobby', 'hello', to);
    await channel.react({ channel: 'http', roomId: 'lobby', id: 'm-1', threadId: 't-1' }, 'eyes', { remove: true });
    await channel.publishAgentActivity({ roomId: 'lobby', parentMessageId: 'm-1', threadId: 't-1', taskId: 'task', agentIdentity: 'forge', phase: 'tool_call', text: 'search', metadata: { camelKey: 1 }, includeInContext: false });
    const events = await stream.take(5);
    const answer = { reply_id: 'r1', agent: 'forge', thread_id: 't-1' };
    expect(events.map(({ event, data }) => [event, data])).toEqual([
      ['message.piece', { ...answer, text: 'he' }],
      ['message.discarded', answer],
      ['message', { ...answer, message_id: messageId, text: 'hello' }],
      ['reaction', { message_id: 'm-1', emoji: 'eyes', is_removed: true, thread_id: 't-1' }],
      ['activity', { message_id: 'm-1', thread_id: 't-1', task_id: 'task', agent: 'forge', phase: 'tool_call', text: 'search', metadata: { camelKey: 1 }, include_in_context: false }],
    ]);
    for (const { event, data } of events) parseDocument(HttpChannelEvents[event as keyof typeof HttpChannelEvents], data);
  });
});
