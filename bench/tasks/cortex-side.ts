/** Tasks of Cortex: a submitter, or a worker with its journal, in a process of its own. */
import { mkdirSync } from 'node:fs';

import type { BusConfig } from '@cortex-runtime/bus/config';
import { RedisStreamBus } from '@cortex-runtime/bus/redis';
import { idGenerator, silentLogger } from '@cortex-runtime/core';
import { nodeDisk, systemClock, systemRandom } from '@cortex-runtime/core/node';
import { TaskClient, TaskConsumer, TaskLedger } from '@cortex-runtime/dispatch';
import { FileJournal, soleOwnerLock } from '@cortex-runtime/journal';

const [clock, random] = [systemClock, systemRandom];
const createId = idGenerator({ clock, random });
const text = 'x'.repeat(100); // about 200 bytes with its fields

let bus: RedisStreamBus;
let client: TaskClient;
let consumer: TaskConsumer | undefined;
let ledger: TaskLedger | undefined;

export const operations = {
  open(config: BusConfig) {
    bus = new RedisStreamBus({ clock, random }, config);
    client = new TaskClient({ bus, clock, createId });
  },

  /** Hands in tasks in turns of 500, two at a time, as the peer's `addBulk` gets them; gives milliseconds. */
  async submit({ count, domain }: { count: number; domain: string }) {
    const begun = performance.now();
    let next = 0;
    const turns = async () => {
      while (next < count) {
        const at = next;
        next += 500;
        await client.submitAll(Array.from({ length: Math.min(500, count - at) }, (_, index) => ({ messageId: `m${at + index}`, text, domain, senderId: 'u' })));
      }
    };
    await Promise.all([turns(), turns()]);
    return performance.now() - begun;
  },

  /** Starts an agent that answers at once. @param directory - of its journal; without one it goes on with the one that it has, if any */
  async work({ domain, concurrency, directory }: { domain: string; concurrency: number; directory?: string }) {
    if (directory !== undefined) {
      mkdirSync(directory, { recursive: true });
      const journal = await FileJournal.open({ disk: nodeDisk, clock, createId, logger: silentLogger, lock: soleOwnerLock() }, { directory });
      ledger = await TaskLedger.open({ journal, clock }, 'tasks:bench');
    }
    consumer = new TaskConsumer({ bus, clock, random, ...(ledger === undefined ? {} : { ledger }), onResult: () => counted() }, { identity: 'bench', domains: [domain], concurrency });
    await consumer.start(async function* () {
      yield { kind: 'output', data: 'ok' };
    });
  },

  /** Milliseconds until so many tasks are done, from the first that is worked on. */
  async done(count: number) {
    const begun = performance.now();
    await new Promise<void>((resolve) => {
      target = finished + count;
      reached = resolve;
      if (finished >= target) resolve();
    });
    return performance.now() - begun;
  },

  async stopConsumer() {
    await consumer?.stop();
  },

  async stopWork() {
    await consumer?.stop();
    await ledger?.close();
  },

  /** Hands in one task after the other and waits for its result; gives milliseconds each. */
  async roundTrips({ count, domain }: { count: number; domain: string }) {
    const taken: number[] = [];
    for (let index = 0; index < count; index += 1) {
      const begun = performance.now();
      await client.waitFor(await client.submit({ messageId: `r${index}`, text, domain, senderId: 'u' }));
      taken.push(performance.now() - begun);
    }
    return taken;
  },

  async close() {
    await client.close();
    await bus.close();
  },
};

let finished = 0;
let target = Number.POSITIVE_INFINITY;
let reached: () => void = () => {};
function counted(): void {
  finished += 1;
  if (finished >= target) reached();
}
