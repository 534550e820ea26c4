import { RedisStreamBus } from '@cortex-runtime/bus/redis';
import { systemClock, systemRandom } from '@cortex-runtime/core/node';
import { TaskConsumer } from '@cortex-runtime/dispatch';

export async function holdTasks(url: string): Promise<void> {
  const bus = new RedisStreamBus({ clock: systemClock, random: systemRandom }, { url });
  const say = (word: string) => void process.send?.({ word });
  const consumer = new TaskConsumer({ bus, clock: systemClock, random: systemRandom, onResult: () => say('done') }, { identity: 'holder', domains: ['eng'] });
  const finish = new Promise<void>((resolve) => process.on('message', () => resolve()));
  await consumer.start(async function* (_prompt, { signal }) {
    say('began');
    await Promise.race([finish, new Promise((resolve) => signal.addEventListener('abort', resolve))]);
    yield { kind: 'output', data: 'held' };
  });
  process.on('SIGTERM', () => void consumer.stop({ drainMs: 0 }).then(() => bus.close()).then(() => process.exit(0)));
  say('ready');
}
