import { LeaseLostError, type Delivery } from '@cortex-runtime/bus';
import { backoffMs, sleep, type Clock } from '@cortex-runtime/core';

const backoff = { baseMs: 500, maxMs: 30_000 };

/**
 * Gives back what could not be settled, until the bus has taken it: held by a process that lives, it would go to nobody else, and hold a place for ever.
 *
 * @param isOver - the subscription stops, and gives back what is left by itself
 */
export async function giveBack(delivery: Delivery, { clock, isOver }: { clock: Clock; isOver: () => boolean }): Promise<void> {
  for (let attempt = 1; !isOver(); attempt += 1) {
    const waitMs = backoffMs(attempt, backoff);
    try {
      await delivery.release({ delayMs: waitMs });
      return;
    } catch (error) {
      if (error instanceof LeaseLostError) return;
      await sleep(clock, waitMs);
    }
  }
}
