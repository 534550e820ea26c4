import type { Delivery, EventBus, MessageBus, Subscription } from '@cortex-runtime/bus';
import { CortexError, describeError, jitteredBackoffMs, silentLogger, sleep, type Clock, type HealthStatus, type Logger, type Random, type Timer } from '@cortex-runtime/core';

import type { AgentPresence, Heartbeat } from '../agents/agent-presence.ts';
import { CarefulChannel } from '../channel/careful-channel.ts';
import type { ChannelProvider } from '../channel/channel-provider.ts';
import type { ContextRuntime } from '../context/context-runtime.ts';
import { giveBack } from '../give-back.ts';
import type { TaskResult } from '../task/task-result.ts';
import { streamsOf } from '../task/task-streams.ts';
import type { ThreadAffinity } from '../threads/thread-affinity.ts';
import { Places } from './places.ts';
import type { RunningTask } from './running-task.ts';
import { TaskConsumerOptions, type TaskConsumerSettings } from './task-consumer-options.ts';
import type { ExecuteTask } from './task-context.ts';
import { TaskHandler } from './task-handler.ts';
import type { TaskLedger } from './task-ledger.ts';

export interface TaskConsumerDependencies {
  bus: MessageBus;
  clock: Clock;
  random: Random;
  logger?: Logger;
  /** Where answers go; without one they are on the results stream only. */
  channel?: ChannelProvider;
  /** Makes the agent known, and present. */
  presence?: AgentPresence;
  /** Told of tasks; that of `presence` when left out. */
  heartbeat?: Heartbeat;
  threadAffinity?: ThreadAffinity;
  contextRuntime?: ContextRuntime;
  /** Keeps outcomes on disk before the bus is told, so that a task that comes again is not worked on again. */
  ledger?: TaskLedger;
  /** Told `task.started` (of tasks that take a moment) and `task.completed`. */
  events?: EventBus;
  /** Told of each outcome that this process has recorded. */
  onResult?: (result: TaskResult) => void;
}

/** Outcomes that may be on their way to disk and bus at once; with more, nothing new is begun. */
const settlingAtOnce = 400;
/** How often tasks that take long are looked after. */
const watchMs = 200;
/** A timer that is this late says that something held up the whole process. */
const stallMs = 1_000;

/**
 * An agent that takes tasks from the bus: those that are for it alone, and those of its domains, the urgent first.
 *
 * A task is held on a lease that lasts as long as the process lives, and settled together with its result, which therefore is there once. Tasks are worked on independently
 * of each other: one that is stuck holds one of `concurrency` places and nothing else.
 *
 * States: created → `start` → running → `stop` → stopped; `start` again is allowed.
 */
export class TaskConsumer {
  readonly identity: string;
  readonly settings: TaskConsumerSettings;
  readonly #deps: TaskConsumerDependencies;
  readonly #logger: Logger;
  readonly #careful: CarefulChannel | undefined;
  readonly #running = new Set<RunningTask>();
  readonly #settlingPlaces = new Places(settlingAtOnce);
  #subscription: Subscription | undefined;
  #workers: Promise<void> = Promise.resolve();
  #watch: Timer | undefined;
  #problem: string | undefined;
  /** Since a task came last. */
  #failures = 0;
  #stall: { endedAt: number; lastedMs: number } | undefined;
  #isRunning = false;
  /** How often it was told to start or to stop: whoever waits to start does so only if nobody has said anything since. */
  #orders = 0;
  /** Ends waits for another try. */
  #halt = new AbortController();
  #starting: Promise<void> = Promise.resolve();
  #stopping: Promise<void> = Promise.resolve();
  #stopped: Promise<void> = Promise.resolve();
  #announceStopped: () => void = () => {};

  constructor(deps: TaskConsumerDependencies, options: TaskConsumerOptions) {
    this.settings = TaskConsumerOptions.parse(options);
    this.identity = this.settings.identity;
    this.#deps = deps;
    this.#logger = deps.logger ?? silentLogger;
    this.#careful = deps.channel === undefined ? undefined : new CarefulChannel({ channel: deps.channel, clock: deps.clock, random: deps.random, logger: this.#logger });
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** Tasks that are worked on now. */
  get activeTasks(): number {
    return this.#running.size;
  }

  /** Resolves when it has stopped. */
  get stopped(): Promise<void> {
    return this.#stopped;
  }

  /**
   * Resolves when it takes tasks, or was told to stop before it did. Trouble with the bus is waited out, and told by `health`. While it stops, starting waits until it has
   * stopped.
   */
  start(execute: ExecuteTask): Promise<void> {
    if (!this.#isRunning) this.#starting = this.#begin(execute);
    return this.#starting;
  }

  async #begin(execute: ExecuteTask): Promise<void> {
    this.#orders += 1;
    const order = this.#orders;
    await this.#stopping.catch(() => {});
    if (order !== this.#orders) return;
    this.#isRunning = true;
    this.#halt = new AbortController();
    this.#problem = undefined;
    this.#subscription = undefined;
    this.#workers = Promise.resolve();
    this.#stopped = new Promise((resolve) => (this.#announceStopped = resolve));
    const { clock, random } = this.#deps;
    const heartbeat = this.#deps.heartbeat ?? (await this.#join());
    if (order !== this.#orders) return;
    const handler = new TaskHandler({
      ...this.#deps, clock, random, logger: this.#logger, careful: this.#careful, heartbeat, execute,
      began: (task) => this.#running.add(task),
      ended: (task) => this.#running.delete(task),
      isStopping: () => !this.#isRunning,
    }, this.settings);
    this.#armWatch(handler);
    this.#workers = this.#work(handler);
  }

  async #join(): Promise<Heartbeat | undefined> {
    const { identity, domains, primaryFor, description } = this.settings;
    try {
      return await this.#deps.presence?.join({ name: identity, domains, primaryFor, description });
    } catch (error) {
      this.#isRunning = false;
      this.#announceStopped();
      throw error;
    }
  }

  /**
   * Takes nothing more, waits up to `drainMs` for tasks under way, and gives the rest back at once, to be worked on elsewhere. Resolves when all that was begun has ended.
   */
  async stop(options: { drainMs?: number } = {}): Promise<void> {
    this.#orders += 1;
    if (this.#isRunning) {
      this.#isRunning = false;
      this.#halt.abort();
      this.#stopping = this.#end(options.drainMs ?? this.settings.drainMs);
    }
    await this.#stopping;
  }

  async #end(drainMs: number): Promise<void> {
    try {
      await this.#starting.catch(() => {}); // what it announces comes before it is taken back
      await this.#subscription?.stop({ drainMs });
      for (const task of this.#running) task.cut({ reason: 'lost' });
      await this.#workers;
      this.#watch?.cancel();
      await this.#careful?.settled();
      await this.#deps.presence?.leave(this.identity);
    } finally {
      this.#announceStopped();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Never rejects. */
  async health(): Promise<HealthStatus> {
    const stall = this.#stall === undefined ? {} : { stalledForMs: Math.round(this.#stall.lastedMs), stalledAgoMs: Math.round(this.#deps.clock.monotonic() - this.#stall.endedAt) };
    const details = { identity: this.identity, activeTasks: this.#running.size, concurrency: this.settings.concurrency, ...stall };
    if (!this.#isRunning) return { ok: false, error: this.#problem ?? 'the consumer does not run', details };
    if (this.#problem !== undefined) return { ok: false, error: this.#problem, details };
    const bus = await this.#deps.bus.health();
    return bus.ok ? { ...bus, details: { ...details, bus: bus.details } } : { ok: false, error: bus.error ?? 'the bus is not well', details };
  }

  async #work(handler: TaskHandler): Promise<void> {
    const { bus, clock, random } = this.#deps;
    const { identity, domains, concurrency, consumerGroup } = this.settings;
    const streams = streamsOf(identity, domains);
    while (this.#isRunning) {
      try {
        const subscription = bus.subscribe(streams, { group: consumerGroup, maxInFlight: concurrency, order: 'priority', takesExhausted: true });
        this.#subscription = subscription;
        await Promise.all(Array.from({ length: concurrency }, () => this.#takeTasks(subscription, handler)));
        await this.#settlingPlaces.allFree();
        if (this.#isRunning) throw new Error('the bus ended the subscription');
      } catch (error) {
        // A server that may not be used as it is: somebody has to change it, and then work goes on by itself.
        this.#failures += 1;
        this.#problem = describeError(error);
        this.#logger.error({ agent: identity, error: this.#problem }, 'tasks can not be taken; it is tried again');
        await sleep(clock, jitteredBackoffMs(this.#failures, { baseMs: 500, maxMs: 30_000 }, random), this.#halt.signal).catch(() => {});
      }
    }
  }

  async #takeTasks(subscription: Subscription, handler: TaskHandler): Promise<void> {
    for (;;) {
      const { value: delivery } = await subscription.next();
      if (delivery === undefined) return;
      this.#problem = undefined;
      this.#failures = 0;
      const settle = await handler.handle(delivery);
      // The place is for agents at work: others need not wait while disk and bus record this outcome.
      delivery.freePlace();
      const place = this.#settlingPlaces.take();
      void this.#settle(delivery, settle);
      if (place !== undefined) await place;
    }
  }

  async #settle(delivery: Delivery, settle: () => Promise<void>): Promise<void> {
    try {
      await settle();
    } catch (error) {
      this.#logger.error({ agent: this.identity, msgId: delivery.msgId, error: describeError(error) }, 'a task could not be settled, and is given back');
      await giveBack(delivery, { clock: this.#deps.clock, isOver: () => !this.#isRunning });
      // Without its journal nothing that this agent works out can be kept: others have to do it.
      const problem = this.#deps.ledger?.problem ?? (CortexError.is(error) && error.code.startsWith('JOURNAL_') ? describeError(error) : undefined);
      if (problem !== undefined) this.#giveUp(problem);
    } finally {
      this.#settlingPlaces.giveBack();
    }
  }

  #giveUp(problem: string): void {
    if (!this.#isRunning) return;
    void this.stop({ drainMs: 0 });
    this.#problem = problem;
    this.#logger.error({ agent: this.identity, error: this.#problem }, 'the agent takes no more tasks');
  }

  #armWatch(handler: TaskHandler): void {
    const { clock } = this.#deps;
    const dueAt = clock.monotonic() + watchMs;
    this.#watch = clock.setTimer(
      watchMs,
      () => {
        const lateMs = clock.monotonic() - dueAt;
        if (lateMs >= stallMs) {
          this.#stall = { endedAt: clock.monotonic(), lastedMs: lateMs };
          this.#logger.warn({ agent: this.identity, stalledForMs: Math.round(lateMs) }, 'something held up the whole process; tasks of it may have been taken over');
        }
        for (const task of this.#running) {
          if (!task.isWatched) handler.showLong(task.payload);
          task.watch(this.settings.taskTimeoutMs);
        }
        if (this.#isRunning || this.#running.size > 0) this.#armWatch(handler);
      },
      { keepAlive: false },
    );
  }
}
