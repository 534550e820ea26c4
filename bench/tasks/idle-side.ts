/** Agents that wait, present in the registry, in one process. */
import { RedisStreamBus } from '@cortex-runtime/bus/redis';
import { systemClock, systemRandom } from '@cortex-runtime/core/node';
import { TaskConsumer } from '@cortex-runtime/dispatch';

let bus: RedisStreamBus;
let consumers: TaskConsumer[] = [];

export const operations = {
  async open({ url, agents }: { url: string; agents: number }) {
    bus = new RedisStreamBus({ clock: systemClock, random: systemRandom }, { url });
    consumers = Array.from({ length: agents }, (_, index) => new TaskConsumer({ bus, clock: systemClock, random: systemRandom }, { identity: `agent-${index}`, domains: ['eng'] }));
    for (const consumer of consumers) await consumer.start(async function* () {
      yield { kind: 'output', data: 'ok' };
    });
  },

  async close() {
    await Promise.all(consumers.map((consumer) => consumer.stop({ drainMs: 0 })));
    await bus.close();
  },
};
