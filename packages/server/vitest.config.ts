import { mergeConfig } from 'vitest/config';

import { base } from '../../vitest.base.ts';

/** Hosts, processes and sockets are real here: on a busy machine they take their time. */
export default mergeConfig(base, { test: { testTimeout: 120_000, hookTimeout: 60_000, expect: { poll: { timeout: 30_000 } } } });
