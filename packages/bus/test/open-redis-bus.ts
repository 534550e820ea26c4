import { systemClock, systemRandom } from '@cortex-runtime/core/node';
import { inject, onTestFinished } from 'vitest';

import type { BusConfig } from '../src/config/index.ts';
import type { BusNotice } from '../src/index.ts';
import { RedisStreamBus } from '../src/redis/index.ts';

export const redisUrl = inject('redisUrl');

let made = 0;
/** Keys of one test. */
export function freshPrefix(): string {
  made += 1;
  return `test:${process.pid}-${Date.now().toString(36)}-${made}`;
}

/** A bus that is closed at the end of the test, and what it has noticed. */
export function openBus(config: BusConfig, identity = 'test'): RedisStreamBus & { notices: BusNotice[] } {
  const notices: BusNotice[] = [];
  const bus = new RedisStreamBus({ clock: systemClock, random: systemRandom, identity, onNotice: (notice) => notices.push(notice) }, config);
  onTestFinished(() => bus.close());
  return Object.assign(bus, { notices });
}
