import { describe, expect, it } from 'vitest';
import { z } from 'zod';

import { duration } from '../duration.ts';
import { documentCodec } from './document-codec.ts';
import { DocumentError } from './document-error.ts';
import { toDocument } from './to-document.ts';

const Flat = z.looseObject({
  taskId: z.string(),
  threadId: z.string().nullable().default(null),
  mentions: z.array(z.string()).default([]),
  metadata: z.record(z.string(), z.unknown()).default({}),
  isUrgent: z.boolean().default(false),
  proposals: z.array(z.looseObject({ name: z.string() })).default([]),
});
const Nested = z.looseObject({ taskId: z.string(), inner: z.looseObject({ roomId: z.string().default('') }).prefault({}), waitMs: duration('s').default(1_000) });

describe('documentCodec', () => {
  it('reads what toDocument writes', () => {
    const value = Flat.parse({ taskId: 't', threadId: 'x', mentions: ['a'], metadata: { roomId: 1, room_id: 2 }, isUrgent: true, proposals: [{ name: 'n' }] });
    const codec = documentCodec(Flat);
    expect(codec.read(toDocument(Flat, value))).toEqual(value);
    expect(codec.read(codec.writeCompact(value))).toEqual(value);
    const nested = Nested.parse({ taskId: 't', inner: { roomId: 'r' }, waitMs: 5_000 });
    expect(documentCodec(Nested).writeCompact(nested)).toEqual({ task_id: 't', inner: { room_id: 'r' }, wait: 5 });
    expect(documentCodec(Nested).read({ task_id: 't', inner: { room_id: 'r' }, wait: 5 })).toEqual(nested);
  });

  it('leaves out what is as good as absent, and gives it back as the default', () => {
    const value = Flat.parse({ taskId: 't' });
    expect(documentCodec(Flat).writeCompact(value)).toEqual({ task_id: 't' });
    expect(documentCodec(Flat).read({ task_id: 't' })).toEqual(value);
    expect(documentCodec(Flat).read({ task_id: 't', thread_id: null, mentions: [], is_urgent: false })).toEqual(value);
  });

  it('writes the same as text, with what a field says besides', () => {
    const codec = documentCodec(Flat);
    for (const value of [{ taskId: 't' }, { taskId: 'ü"\u2028\ud800', threadId: 'x', mentions: ['a'], metadata: { roomId: undefined, b: null }, isUrgent: true, proposals: [{ name: 'n' }] }]) {
      expect(codec.writeText(Flat.parse(value))).toBe(JSON.stringify(codec.writeCompact(Flat.parse(value))));
    }
    expect(documentCodec(Nested).writeText(Nested.parse({ taskId: 't' }))).toBe('{"task_id":"t","inner":{"room_id":""},"wait":1}');
    expect(() => documentCodec(Nested, { saysFalse: ['taskId'] })).toThrow(TypeError);
    expect(documentCodec(z.looseObject({ a: z.string().default('') })).writeText({ a: '' })).toBe('{}');
    const said = documentCodec(Flat, { implied: { threadId: 'main' }, saysFalse: ['isUrgent'] });
    expect(said.writeText(Flat.parse({ taskId: 't', threadId: 'main' }))).toBe('{"task_id":"t","is_urgent":false}');
    expect(said.writeCompact(Flat.parse({ taskId: 't', threadId: 'other' }))).toEqual({ task_id: 't', thread_id: 'other', is_urgent: false });
  });

  it('completes what a caller gives, and refuses what does not fit', () => {
    const codec = documentCodec(Flat);
    expect(codec.complete({ taskId: 't', mentions: ['a'] })).toEqual(Flat.parse({ taskId: 't', mentions: ['a'] }));
    expect(codec.complete({ taskId: 't' }).mentions).not.toBe(codec.complete({ taskId: 't' }).mentions);
    expect(() => codec.complete({ taskId: 7 } as never)).toThrow(z.ZodError);
    expect(() => codec.complete({} as never)).toThrow(z.ZodError);
    expect(() => documentCodec(Nested).complete({ taskId: 't', waitMs: -1, inner: 3 } as never)).toThrow(z.ZodError);
  });

  it('passes over keys of other versions', () => {
    expect(documentCodec(Flat).read({ task_id: 't', of_a_later_version: 1 })).toEqual(Flat.parse({ taskId: 't' }));
  });

  it('names the field of the document that does not fit', () => {
    const refused = (raw: unknown) => {
      try {
        documentCodec(Flat).read(raw, 'the task');
        return undefined;
      } catch (error) {
        return error;
      }
    };
    expect(refused({ thread_id: 3 })).toBeInstanceOf(DocumentError);
    expect((refused({ thread_id: 3 }) as Error).message).toMatch(/task_id/);
    expect((refused({ task_id: 't', thread_id: 3 }) as Error).message).toMatch(/thread_id/);
    for (const raw of [null, 'text', [], 7]) expect(refused(raw)).toBeInstanceOf(DocumentError);
  });
});
