import type { HeldSubscription } from '../held-subscription.ts';

/** How many messages the next read may take of each stream, and who may have them. */
export interface ReadPlan {
  /** COUNT of a read, the largest first, to the streams it names. One read has one COUNT for all of its streams. */
  readonly reads: ReadonlyMap<number, readonly string[]>;
}

const maxCount = 512;

/**
 * Shares the free places of subscriptions among their streams, so that what a read can bring fits. COUNT is rounded down to a power of two: subscriptions that are
 * about equally free share a read. A subscription with less places than streams takes one of each, rather than leaving streams unread.
 */
export function planReads(routes: ReadonlyMap<string, readonly HeldSubscription[]>): ReadPlan {
  const reads = new Map<number, string[]>();
  for (const [stream, subscriptions] of routes) {
    let places = 0;
    for (const subscription of subscriptions) {
      const { free } = subscription;
      if (free > 0) places += Math.max(1, Math.floor(free / subscription.streams.length));
    }
    if (places === 0) continue;
    const count = 2 ** Math.floor(Math.log2(Math.min(places, maxCount)));
    const streams = reads.get(count);
    if (streams === undefined) reads.set(count, [stream]);
    else streams.push(stream);
  }
  return { reads: new Map([...reads].sort(([a], [b]) => b - a)) };
}
