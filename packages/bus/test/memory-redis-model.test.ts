import { systemClock, systemRandom } from '@cortex-runtime/core/node';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { MemoryBus, type GroupMessage, type MessageBus } from '../src/index.ts';
import { RedisStreamBus } from '../src/redis/index.ts';
import { freshPrefix, redisUrl } from './open-redis-bus.ts';

type Command =
  | { do: 'publish'; stream: string; text: string; dedupId: string | undefined }
  | { do: 'read'; streams: string[]; group: string; consumer: string; count: number }
  | { do: 'ack' | 'nack'; stream: string; group: string; which: number }
  | { do: 'redeliver'; stream: string };

const stream = fc.constantFrom('s', 't');
const group = fc.constantFrom('g', 'h');
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('publish' as const), stream, text: fc.constantFrom('a', 'b', 'c'), dedupId: fc.option(fc.constantFrom('k1', 'k2'), { nil: undefined }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('read' as const), streams: fc.uniqueArray(stream, { minLength: 1, maxLength: 2 }), group, consumer: fc.constantFrom('c1', 'c2'), count: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('ack' as const, 'nack' as const), stream, group, which: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('redeliver' as const), stream }) },
);

/** Found by chance: what was given back last came first. */
const givenBackInTurn: Command[] = [
  { do: 'publish', stream: 's', text: 'a', dedupId: undefined },
  { do: 'publish', stream: 's', text: 'a', dedupId: undefined },
  { do: 'read', streams: ['s'], group: 'h', consumer: 'c1', count: 2 },
  { do: 'nack', stream: 's', group: 'h', which: 1 },
  { do: 'nack', stream: 's', group: 'h', which: 0 },
  { do: 'read', streams: ['s'], group: 'h', consumer: 'c1', count: 1 },
];

/** What a caller sees, with the ids of the adapter replaced by the order in which they appeared. */
async function history(bus: MessageBus, commands: readonly Command[]): Promise<unknown[]> {
  const names = new Map<string, string>();
  const name = (of: string, id: string) => {
    const key = `${of} ${id}`;
    names.set(key, names.get(key) ?? `#${names.size + 1}`);
    return names.get(key);
  };
  const delivered: GroupMessage[] = [];
  const seen: unknown[] = [];
  for (const each of commands) {
    switch (each.do) {
      case 'publish':
        seen.push(await bus.publish(each.stream, each.text, each.dedupId === undefined ? {} : { dedupId: each.dedupId }).then((id) => name(each.stream, id), (error: Error & { code?: string }) => error.code));
        break;
      case 'read': {
        const messages = await bus.readGroup(each.streams, each);
        delivered.push(...messages);
        seen.push(messages.map(({ stream: from, msgId, payload, deliveryCount, resumed }) => [from, name(from, msgId), new TextDecoder().decode(payload), deliveryCount, resumed]));
        break;
      }
      case 'ack':
      case 'nack': {
        const candidates = delivered.filter((message) => message.stream === each.stream && message.group === each.group);
        const msgId = candidates[each.which % Math.max(candidates.length, 1)]?.msgId ?? '1-1';
        seen.push(each.do === 'ack' ? await bus.ack(each.stream, each.group, msgId) : await bus.nack(each.stream, each.group, msgId, { reason: 'no' }));
        break;
      }
      case 'redeliver': {
        const letters = await bus.deadLetters(each.stream);
        seen.push(letters.map(({ msgId, deliveryCount, errors }) => [name(each.stream, msgId), deliveryCount, errors]));
        seen.push((await bus.redeliver(each.stream, letters.map(({ deadLetterId }) => deadLetterId))).map((id) => name(each.stream, id)));
        break;
      }
    }
    const { length, groups, deadLetters } = await bus.inspect(each.do === 'read' ? (each.streams[0] ?? 's') : each.stream);
    seen.push({ length, deadLetters, groups: groups.map(({ name: of, pending }) => [of, pending]).toSorted() });
  }
  return seen;
}

// D19: embedded and distributed are one behaviour.
describe.skipIf(redisUrl === '')('the memory bus and the Redis bus', () => {
  it('show the same history for the same commands', { timeout: 120_000 }, async () => {
    const config = { maxRetries: 1, retryBackoffBaseMs: 1 };
    await fc.assert(
      fc.asyncProperty(fc.array(command, { minLength: 1, maxLength: 40 }), async (commands) => {
        const memory = new MemoryBus({ clock: systemClock }, config);
        const redis = new RedisStreamBus({ clock: systemClock, random: systemRandom }, { ...config, url: redisUrl, streamPrefix: freshPrefix() });
        try {
          expect(await history(redis, commands)).toEqual(await history(memory, commands));
        } finally {
          await Promise.all([memory.close(), redis.close()]);
        }
      }),
      { numRuns: 500, examples: [[givenBackInTurn]] },
    );
  });
});
