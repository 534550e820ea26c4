import { DocumentError, type JsonObject, type JsonValue } from '@cortex-runtime/core';
import { describe, expect, it } from 'vitest';

import { readEventSession } from './event-session.ts';

const document: JsonObject = { channel: 'slack', domain: 'eng', thread_id: 'T-17', sender: 'Anna', sender_id: 'u1', message_id: 'm-1', text: 'When?' };
const read = { channel: 'slack', domain: 'eng', threadId: 'T-17', sender: 'Anna', senderId: 'u1', messageId: 'm-1', text: 'When?' };
const of = (triggerType: string, payload: JsonValue) => readEventSession({ triggerType, eventId: 'e-1', payload });

describe('the conversation of an event', () => {
  it.each(['message', 'task', 'chat', 'inject'])('is that of payload.session for the type %s', (type) => {
    expect(of(type, { session: document, anything: ['else'] })).toEqual(read);
  });

  it('is that at the top of the payload of a task, and of no other', () => {
    const task = { task_id: 't-1', room_id: 'r', priority: 'high', ...document };
    expect(of('task', task)).toEqual(read);
    for (const type of ['message', 'chat', 'inject']) expect(of(type, task)).toBeUndefined();
    expect(of('task', { ...task, session: { ...document, thread_id: 'other' } })).toMatchObject({ threadId: 'other' });
  });

  it.each(['webhook', 'cron', 'file_watch', 'event', 'custom'])('is none for the type %s: what comes from outside can not speak in a session', (type) => {
    expect(of(type, { session: document })).toBeUndefined();
  });

  it('is none where nothing says so', () => {
    for (const payload of ['hello', null, [document], {}, { session: null }, { session: 'morning' }, { session: [document] }, { text: 'no channel' }, { channel: 'slack' }]) expect(of('task', payload as JsonValue)).toBeUndefined();
  });

  it('has defaults for what may be left out', () => {
    expect(of('chat', { session: { channel: 'web', sender: 'Anna', text: '' } })).toEqual({ channel: 'web', domain: 'general', sender: 'Anna', senderId: 'Anna', messageId: 'e-1', text: '' });
    expect(of('task', { ...document, domain: ' ENG ', thread_id: null, sender: '', message_id: '' })).toEqual({ channel: 'slack', domain: 'eng', sender: '', senderId: 'u1', messageId: 'e-1', text: 'When?' });
  });

  it.each([
    [{ ...document, channel: '' }, 'channel'],
    [{ ...document, channel: 7 }, 'channel'],
    [{ ...document, domain: 'marketing' }, 'domain'],
    [{ ...document, text: undefined }, 'text'],
    [{ ...document, thread_id: 'x'.repeat(501) }, 'thread_id'],
    [{ ...document, sender: '', sender_id: '' }, 'sender_id'],
  ])('is refused, with the field, when it can not be read: %o', (session, field) => {
    const attempt = () => of('chat', { session: session as JsonObject });
    expect(attempt).toThrow(DocumentError);
    expect(attempt).toThrow(field);
  });
});
