import type { Clock } from '@cortex-runtime/core';

import type { DelayedWork } from './delayed-work.ts';

export interface ParkedWorkDependencies {
  clock: Clock;
  delayed: DelayedWork;
  /** A look is never put off for longer than this, in milliseconds. */
  longestMs: number;
}

export interface ParkedWorkHost {
  hasRoom(stream: string, group: string): boolean;
  /** Looks through the stream for what is due. */
  look(stream: string, group: string): Promise<void>;
  tellOthers(stream: string, group: string): void;
}

export interface Route {
  readonly stream: string;
  readonly group: string;
}

/** Who has parked something looks for it when it is due; everybody else this much later, in case that one is gone. */
const afterTheParkerMs = 1_000;

/**
 * Looks for what waits to be due: that of this process at the very moment, and that of others, of which each look through a stream tells when the next is due, a little later.
 */
export class ParkedWork {
  readonly #deps: ParkedWorkDependencies;
  readonly #host: ParkedWorkHost;
  /** What this process has parked, by route: until when, monotonic. */
  readonly #own = new Map<string, Route & { until: number }>();
  /** When a route is looked at next, monotonic. */
  readonly #looksAt = new Map<string, number>();

  constructor(deps: ParkedWorkDependencies, host: ParkedWorkHost) {
    this.#deps = deps;
    this.#host = host;
  }

  /** This process has parked something that is due in `delayMs`. */
  add(stream: string, group: string, delayMs: number): void {
    const { clock, delayed } = this.#deps;
    const key = `${group} ${stream}`;
    this.#own.set(key, { stream, group, until: Math.max(clock.monotonic() + delayMs, this.#own.get(key)?.until ?? 0) });
    delayed.later(delayMs, async () => {
      // Only this process looks at this moment: others are told when it has no room.
      if (!this.#host.hasRoom(stream, group)) this.#host.tellOthers(stream, group);
      await this.#host.look(stream, group);
    });
  }

  /** A look has found something of whoever that is due in `dueInMs`; the next look tells what comes after it. */
  found(stream: string, group: string, dueInMs: number): void {
    const { clock, delayed, longestMs } = this.#deps;
    const key = `${group} ${stream}`;
    const waitMs = Math.min(dueInMs + afterTheParkerMs, longestMs);
    const at = clock.monotonic() + waitMs;
    if ((this.#looksAt.get(key) ?? Number.POSITIVE_INFINITY) <= at) return;
    this.#looksAt.set(key, at);
    delayed.later(waitMs, async () => {
      if (this.#looksAt.get(key) !== at) return; // an earlier one has come before it
      this.#looksAt.delete(key);
      await this.#host.look(stream, group);
    });
  }

  /** Where something of this process is not due yet: it will not look for it when it ends. */
  get left(): Route[] {
    const now = this.#deps.clock.monotonic();
    return [...this.#own.values()].filter(({ until }) => until > now);
  }
}
