import { describeError, type Clock, type Logger, type Timer } from '@cortex-runtime/core';

import type { BusSettings } from '../config/index.ts';
import { isLeased, type RedisNames } from './redis-names.ts';
import type { RedisConnection, Reply } from './redis-connection.ts';

/** A stream that subscriptions of this process read for a group. */
export interface Route {
  readonly stream: string;
  readonly group: string;
}

export interface SweepHost {
  routes(): Route[];
  /** Takes over work of the dead; with `idle`, also of consumers nobody knows, and audits what is pending for this process. */
  reclaim(route: Route, dead: readonly string[], live: readonly string[], options: { idle: boolean }): Promise<void>;
  /** Renews long loans for readers that go by idle time. */
  touch(): Promise<void>;
}

export interface SweepDependencies {
  clock: Clock;
  logger: Logger;
  connection: RedisConnection;
  settings: BusSettings;
  names: RedisNames;
  host: SweepHost;
}

interface Observed {
  value: string;
  /** Monotonic. */
  changedAt: number;
}

/**
 * Keeps this process's leases and notices those of others that ran out.
 *
 * Every process raises a number of its own in one hash, at a third of the lease. A consumer whose number has not moved for a whole lease, by the observer's own
 * monotonic clock, is dead or stuck: clocks need not agree, and a wall clock may jump. Two commands every few seconds, however many agents and messages there are.
 */
export class Sweeper {
  readonly #deps: SweepDependencies;
  readonly #consumer: string;
  readonly #observed = new Map<string, Observed>();
  #beat = 0;
  #nextIdleRoute = 0;
  #idleSweepDueAt = 0;
  #timers: Timer[] = [];
  #isRunning = false;
  #sweep: Promise<void> = Promise.resolve();

  constructor(deps: SweepDependencies, consumer: string) {
    this.#deps = deps;
    this.#consumer = consumer;
  }

  /** Resolves when the first lease is recorded: nothing may be read before. */
  async start(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    await this.#deps.connection.persist('record the lease', () => this.#renew());
    const { leaseMs, sweepMs } = this.#deps.settings;
    this.#every(leaseMs / 3, () => this.#renew());
    this.#every(sweepMs, () => {
      this.#sweep = this.#sweepOnce();
      return this.#sweep;
    });
  }

  /** The lease is given up at once, so that what could not be given back is taken over early. */
  async stop(): Promise<void> {
    if (!this.#isRunning) return;
    this.#isRunning = false;
    for (const timer of this.#timers.splice(0)) timer.cancel();
    await this.#sweep.catch(() => {});
    await this.#deps.connection.command(['HDEL', this.#deps.names.consumers, this.#consumer], { timeoutMs: 500 }).catch(() => {});
  }

  get live(): string[] {
    const now = this.#deps.clock.monotonic();
    const live = [...this.#observed].filter(([, { changedAt }]) => now - changedAt < this.#deps.settings.leaseMs).map(([consumer]) => consumer);
    return [...new Set([this.#consumer, ...live])];
  }

  get #dead(): string[] {
    const now = this.#deps.clock.monotonic();
    return [...this.#observed].filter(([consumer, { changedAt }]) => consumer !== this.#consumer && now - changedAt >= this.#deps.settings.leaseMs).map(([consumer]) => consumer);
  }

  async #renew(): Promise<void> {
    this.#beat += 1;
    await this.#deps.connection.command(['HSET', this.#deps.names.consumers, this.#consumer, this.#beat]);
    await this.#deps.host.touch();
  }

  async #sweepOnce(): Promise<void> {
    const { connection, names, host, settings, clock } = this.#deps;
    this.#observe(await connection.command(['HGETALL', names.consumers]));
    const routes = host.routes();
    const dead = this.#dead;
    const live = this.live;
    const idle = this.#nextIdle(routes);
    for (const route of routes) {
      if (!this.#isRunning) return;
      if (dead.length > 0 || route === idle) await host.reclaim(route, dead, live, { idle: route === idle });
    }
    // What is left of a consumer that has been dead for long is found by its idle time; its record need not stay.
    const forgetAfterMs = settings.leaseMs + 2 * this.#idleCircleMs(routes.length);
    const gone = dead.filter((consumer) => clock.monotonic() - (this.#observed.get(consumer)?.changedAt ?? 0) > forgetAfterMs);
    if (gone.length > 0) {
      await connection.command(['HDEL', names.consumers, ...gone]);
      for (const consumer of gone) this.#observed.delete(consumer);
    }
  }

  #observe(reply: Reply): void {
    const fields = reply as string[];
    const seen = new Set<string>();
    for (let index = 0; index + 1 < fields.length; index += 2) {
      const consumer = fields[index] ?? '';
      const value = fields[index + 1] ?? '';
      if (!isLeased(consumer)) continue;
      seen.add(consumer);
      if (this.#observed.get(consumer)?.value !== value) this.#observed.set(consumer, { value, changedAt: this.#deps.clock.monotonic() });
    }
    for (const consumer of this.#observed.keys()) if (!seen.has(consumer)) this.#observed.delete(consumer);
  }

  /** Every stream is looked through for idle work twice in `claimIdleMs`, but at most one stream in two sweeps. */
  #idleCircleMs(routes: number): number {
    const { claimIdleMs, sweepMs } = this.#deps.settings;
    return Math.max(claimIdleMs / 2, routes * 2 * sweepMs);
  }

  #nextIdle(routes: readonly Route[]): Route | undefined {
    const now = this.#deps.clock.monotonic();
    if (routes.length === 0 || now < this.#idleSweepDueAt) return undefined;
    this.#idleSweepDueAt = now + this.#idleCircleMs(routes.length) / routes.length;
    this.#nextIdleRoute = (this.#nextIdleRoute + 1) % routes.length;
    return routes[this.#nextIdleRoute];
  }

  #every(ms: number, work: () => Promise<void>): void {
    const timer = this.#deps.clock.setTimer(
      ms,
      () => {
        this.#timers = this.#timers.filter((each) => each !== timer);
        void work()
          .catch((error: unknown) => this.#deps.logger.debug({ error: describeError(error) }, 'keeping leases failed; it is tried again'))
          .finally(() => {
            if (this.#isRunning) this.#every(ms, work);
          });
      },
      { keepAlive: false },
    );
    this.#timers.push(timer);
  }
}
