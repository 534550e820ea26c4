import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { readServerSentEvents, type ServerSentEvent } from './server-sent-events.ts';

async function read(chunks: readonly Uint8Array[]): Promise<ServerSentEvent[]> {
  const events: ServerSentEvent[] = [];
  const body = (async function* () {
    for (const chunk of chunks) yield await Promise.resolve(chunk);
  })();
  for await (const event of readServerSentEvents(body)) events.push(event);
  return events;
}

const bytes = (text: string) => new TextEncoder().encode(text);

describe('readServerSentEvents', () => {
  it('reads names, ids, comments and data of several lines', async () => {
    expect(await read([bytes(': hello\n\nid: 7\nevent: chunk\ndata: {"a":1}\n\ndata: one\ndata:two\r\n\r\nevent: lonely\n\n')])).toEqual([
      { event: 'chunk', data: '{"a":1}', id: '7' },
      { event: 'message', data: 'one\ntwo', id: '7' },
    ]);
  });

  it('drops what the end of the stream cut off', async () => {
    expect(await read([bytes('data: whole\n\ndata: half')])).toEqual([{ event: 'message', data: 'whole' }]);
  });

  it('reads the same events wherever the bytes were cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string({ unit: 'grapheme' }).filter((text) => !/[\r\n]/.test(text)), { maxLength: 5 }), fc.array(fc.nat(200)), fc.constantFrom('\n', '\r\n'), async (texts, cuts, end) => {
        const whole = bytes(texts.map((text) => `event: chunk${end}data: ${JSON.stringify(text)}${end}${end}`).join(''));
        const places = [...new Set(cuts.map((cut) => cut % (whole.length + 1)))].sort((a, b) => a - b);
        const chunks = [0, ...places].map((from, index) => whole.subarray(from, places[index] ?? whole.length));
        expect((await read(chunks)).map(({ data }) => JSON.parse(data) as string)).toEqual(texts);
      }),
    );
  });
});
