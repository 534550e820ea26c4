import { describe, expect, it } from 'vitest';

import { readBody, readText } from './read-body.ts';

/** A body that gives these bytes and then nothing more, and does not know of any signal. */
function endless(...texts: string[]) {
  const seen = { cancelled: undefined as unknown };
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => texts.forEach((text) => controller.enqueue(new TextEncoder().encode(text))),
    cancel: (reason) => void (seen.cancelled = reason ?? 'without a reason'),
  });
  return { body, seen };
}

describe('the body of an answer', () => {
  it('ends when the signal is aborted, also while nothing comes', async () => {
    const { body, seen } = endless('one');
    const ending = new AbortController();
    const bytes = readBody(body, ending.signal);
    await bytes.next();
    const next = bytes.next();
    const reason = new Error('enough');
    ending.abort(reason);
    await expect(next).rejects.toBe(reason);
    expect(seen.cancelled).toBe(reason);
  });

  it('is not read when the signal was aborted before', async () => {
    const { body, seen } = endless('one');
    const reason = new Error('enough');
    await expect(readText(body, AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(seen.cancelled).toBe(reason);
  });

  it('is ended when nobody reads on', async () => {
    const { body, seen } = endless('one', 'two');
    for await (const _ of readBody(body, undefined)) break;
    expect(seen.cancelled).toBe('without a reason');
  });

  it('is the same text wherever its bytes were cut', async () => {
    const whole = new TextEncoder().encode('{"lamp":"💡é"}');
    for (let cut = 0; cut <= whole.length; cut += 1) {
      const body = new Blob([whole.slice(0, cut)]).stream();
      const rest = new Blob([whole.slice(cut)]).stream();
      const joined = new ReadableStream<Uint8Array>({
        async start(controller) {
          for (const part of [body, rest]) for await (const bytes of part) controller.enqueue(bytes as Uint8Array);
          controller.close();
        },
      });
      expect(await readText(joined, undefined)).toBe('{"lamp":"💡é"}');
    }
    expect(await readText(null, undefined)).toBe('');
  });
});
