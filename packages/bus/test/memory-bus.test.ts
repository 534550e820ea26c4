import { systemClock } from '@cortex-runtime/core/node';

import { MemoryBus } from '../src/index.ts';
import { describeMessageBusContract } from '../src/testing/index.ts';

describeMessageBusContract('MemoryBus', async (_space, config, onNotice) => new MemoryBus({ clock: systemClock, ...(onNotice === undefined ? {} : { onNotice }) }, config));
