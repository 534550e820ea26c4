import type { Clock, Logger } from '@cortex-runtime/core';
import { nodeDisk, nodeNet, systemClock, systemRandom } from '@cortex-runtime/core/node';

import type { ModelProviderDeps } from '../src/index.ts';

/** A logger that keeps its lines. */
export function recordingLogger(): Logger & { lines: { level: string; facts: object; message: string }[] } {
  const lines: { level: string; facts: object; message: string }[] = [];
  const at = (level: string) => (facts: object, message: string) => void lines.push({ level, facts, message });
  const logger = { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), child: () => logger };
  return logger;
}

/** A clock whose waits are over at once; it records how long they would have been. Deadlines of attempts are real. */
export function impatientClock(waits: number[], isWait: (delayMs: number) => boolean): Clock {
  return {
    ...systemClock,
    setTimer(delayMs, callback, options) {
      if (!isWait(delayMs)) return systemClock.setTimer(delayMs, callback, options);
      waits.push(delayMs);
      return systemClock.setTimer(0, callback, options);
    },
  };
}

export function modelDeps(overrides: Partial<ModelProviderDeps> = {}): ModelProviderDeps {
  return { net: nodeNet, clock: systemClock, random: systemRandom, logger: recordingLogger(), disk: nodeDisk, environment: {}, baseDirectory: import.meta.dirname, ...overrides };
}
