import { setTimeout as wait } from 'node:timers/promises';

/** Asks until the answer is yes, or the time is up. */
export async function pollUntil(ask: () => Promise<boolean>, options: { timeoutMs: number; everyMs?: number }): Promise<boolean> {
  const deadline = performance.now() + options.timeoutMs;
  for (;;) {
    if (await ask()) return true;
    if (performance.now() >= deadline) return false;
    await wait(options.everyMs ?? 50);
  }
}
