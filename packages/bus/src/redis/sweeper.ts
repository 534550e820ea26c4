import { describeError, type Clock, type Logger, type Timer } from '@cortex-runtime/core';

import type { BusSettings } from '../config/index.ts';
import { isLeased, type RedisNames } from './redis-names.ts';
import { isFull, type RedisConnection, type Reply } from './redis-connection.ts';
import { beatScript } from './scripts/beat.lua.ts';

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
  /** Lets a group forget consumers that are no more, those that hold nothing. */
  remove(route: Route, consumers: readonly string[]): Promise<void>;
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
  /** In watched time. */
  changedAt: number;
}

/** Share of `sweepMs` by which a sweep may be late and still count in full. */
const lateness = 0.25;
/** A renewal that failed is tried again after this share of the usual time. */
const hurry = 0.25;

/**
 * Keeps this process's leases and notices those of others that ran out.
 *
 * Every process raises a number of its own in one hash, at a third of the lease. A consumer whose number has not moved for a whole lease, by the observer's own
 * monotonic clock, is dead or stuck: clocks need not agree, and a wall clock may jump. Two commands every few seconds, however many agents and messages there are.
 *
 * Only time in which the observer could see them counts: while the server was away, or the observer itself was held up, nobody could show that it lived.
 */
export class Sweeper {
  readonly #deps: SweepDependencies;
  readonly #consumer: string;
  readonly #observed = new Map<string, Observed>();
  #beat = 0;
  /** Milliseconds in which others could have been seen to live. */
  #watchedMs = 0;
  #lookedAt = 0;
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
    this.#lookedAt = this.#deps.clock.monotonic();
    try {
      await this.#deps.connection.persist('record the lease', () => this.#renew());
    } catch (error) {
      this.#isRunning = false;
      throw error;
    }
    const { leaseMs, sweepMs } = this.#deps.settings;
    this.#every(leaseMs / 3, () => this.#renew());
    // The first look is at once: whoever dies before the second would else be known a whole look later.
    this.#every(sweepMs, () => this.#sweepAndPlan(), 0);
  }

  /** @returns milliseconds until the next one: sooner than usual, when somebody's lease may have run out by then */
  async #sweepAndPlan(): Promise<number> {
    this.#sweep = this.#sweepOnce();
    await this.#sweep;
    const { leaseMs, sweepMs } = this.#deps.settings;
    const due = [...this.#observed].filter(([consumer, { changedAt }]) => consumer !== this.#consumer && changedAt < this.#watchedMs).map(([, { changedAt }]) => changedAt + leaseMs - this.#watchedMs);
    return Math.min(sweepMs, ...due.filter((ms) => ms > 0));
  }

  /** @param options.keepsLease - for who still owes something: it is then taken over when the lease runs out, as if its process had died */
  async stop({ keepsLease }: { keepsLease: boolean }): Promise<void> {
    if (!this.#isRunning) return;
    this.#isRunning = false;
    for (const timer of this.#timers.splice(0)) timer.cancel();
    await this.#sweep.catch(() => {});
    if (keepsLease) return;
    await this.#deps.connection.command(['HDEL', this.#deps.names.consumers, this.#consumer], { timeoutMs: 500 }).catch(() => {});
  }

  get live(): string[] {
    const live = [...this.#observed].filter(([, { changedAt }]) => this.#watchedMs - changedAt < this.#deps.settings.leaseMs).map(([consumer]) => consumer);
    return [...new Set([this.#consumer, ...live])];
  }

  get #dead(): string[] {
    return [...this.#observed].filter(([consumer, { changedAt }]) => consumer !== this.#consumer && this.#watchedMs - changedAt >= this.#deps.settings.leaseMs).map(([consumer]) => consumer);
  }

  async #renew(): Promise<void> {
    this.#beat += 1;
    const { connection, names, host } = this.#deps;
    await connection.command(['HSET', names.consumers, this.#consumer, this.#beat]).catch((error: unknown) => {
      if (!isFull(error)) throw error;
      return connection.script(beatScript, [names.consumers], [this.#consumer, this.#beat]);
    });
    await host.touch();
  }

  async #sweepOnce(): Promise<void> {
    const { connection, names, host, settings } = this.#deps;
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
    const gone = dead.filter((consumer) => this.#watchedMs - (this.#observed.get(consumer)?.changedAt ?? 0) > forgetAfterMs);
    if (gone.length > 0) {
      for (const route of routes) await host.remove(route, gone);
      await connection.command(['HDEL', names.consumers, ...gone]);
      for (const consumer of gone) this.#observed.delete(consumer);
    }
  }

  #observe(reply: Reply): void {
    const { clock, settings } = this.#deps;
    const now = clock.monotonic();
    this.#watchedMs += Math.min(now - this.#lookedAt, settings.sweepMs * (1 + lateness));
    this.#lookedAt = now;
    const fields = reply as string[];
    const seen = new Set<string>();
    for (let index = 0; index + 1 < fields.length; index += 2) {
      const consumer = fields[index] ?? '';
      const value = fields[index + 1] ?? '';
      if (!isLeased(consumer)) continue;
      seen.add(consumer);
      if (this.#observed.get(consumer)?.value !== value) this.#observed.set(consumer, { value, changedAt: this.#watchedMs });
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

  /** @param work - gives milliseconds until it is to be done again, if not the usual time */
  #every(ms: number, work: () => Promise<number | void>, waitMs = ms): void {
    const timer = this.#deps.clock.setTimer(
      waitMs,
      () => {
        this.#timers = this.#timers.filter((each) => each !== timer);
        void work().then(
          (nextMs) => nextMs ?? ms,
          (error: unknown) => {
            this.#deps.logger.debug({ error: describeError(error) }, 'keeping leases failed; it is tried again');
            return ms * hurry;
          },
        ).then((nextMs) => {
          if (this.#isRunning) this.#every(ms, work, nextMs);
        });
      },
      { keepAlive: false },
    );
    this.#timers.push(timer);
  }
}
