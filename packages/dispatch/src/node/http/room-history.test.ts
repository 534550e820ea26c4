import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { RoomHistory } from './room-history.ts';

const event = (history: RoomHistory, number: number) => Buffer.from(history.get(number)?.bytes ?? []).toString();

describe('the history of a room', () => {
  it('keeps an event in one frame, whatever line breaks it has', () => {
    const history = new RoomHistory('ab', { keptEvents: 10, keptBytes: 10_000 });
    const text = 'one\ntwo\r\nthree\rfour\u2028five\u0085six\n\ndata: forged\nid: 9';
    history.append('message', { text });
    const [id, name, data, ...rest] = event(history, 1).split('\n');
    expect([id, name, rest]).toEqual(['id: ab-1', 'event: message', ['', '']]);
    expect(data).not.toContain('\r');
    expect(JSON.parse(data?.slice('data: '.length) ?? '')).toEqual({ text });
  });

  it('keeps the newest event, however large it is', () => {
    const history = new RoomHistory('ab', { keptEvents: 10, keptBytes: 100 });
    for (let number = 1; number <= 3; number += 1) history.append('message', { text: 'x'.repeat(1_000) });
    expect([history.oldest, history.newest]).toEqual([3, 3]);
  });

  it('knows for every id whether something is missing after it, and goes on where it was', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 60 }), { maxLength: 40 }), fc.integer({ min: 1, max: 20 }), fc.integer({ min: 50, max: 2_000 }), (texts, keptEvents, keptBytes) => {
        const history = new RoomHistory('ab', { keptEvents, keptBytes });
        for (const text of texts) history.append('message', { text });
        const kept = history.newest - history.oldest + 1;
        expect(kept).toBeLessThanOrEqual(keptEvents);
        expect(kept <= 1 || history.keptBytes <= keptBytes).toBe(true);
        for (let seen = 0; seen <= texts.length; seen += 1) {
          const { next, hasGap } = history.after(history.idOf(seen));
          expect([next, hasGap]).toEqual(seen + 1 >= history.oldest ? [seen + 1, false] : [history.oldest, true]);
          let bytes = 0;
          for (let number = next; number <= history.newest; number += 1) {
            expect(JSON.parse(/data: (.*)/.exec(event(history, number))?.[1] ?? '')).toEqual({ text: texts[number - 1] });
            bytes += history.get(number)?.bytes.length ?? 0;
          }
          expect(history.bytesFrom(next)).toBe(bytes);
        }
        for (const foreign of [history.idOf(texts.length + 1), 'cd-1', 'ab-', 'ab--1', '', 'ab-1e9', `ab-${'9'.repeat(30)}`]) expect(history.after(foreign)).toEqual({ next: history.oldest, hasGap: true });
      }),
    );
  });

  it('says of an event that is forgotten that all is to come', () => {
    const history = new RoomHistory('ab', { keptEvents: 2, keptBytes: 10_000 });
    for (let number = 1; number <= 5; number += 1) history.append('message', {});
    expect(history.bytesFrom(1)).toBe(Number.POSITIVE_INFINITY);
    expect(history.bytesFrom(6)).toBe(0);
  });
});
