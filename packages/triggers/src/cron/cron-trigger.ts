import type { Timer } from '@cortex-runtime/core';

import type { BaseTrigger, TriggerDependencies } from '../base-trigger.ts';
import type { TriggerConfig } from '../config/index.ts';
import { TriggerError, TriggerStoppedError } from '../errors.ts';
import type { TriggerEvent } from '../trigger-event.ts';
import { triggerIdOf } from '../trigger-id.ts';
import { cronSchedule, type CronSchedule } from './cron-schedule.ts';
import { dueOccurrences } from './missed-occurrences.ts';

/** An occurrence that this trigger waited for is on time up to this late; beyond it (the machine slept) it is missed. */
const graceMs = 60_000;
/** How often a held occurrence looks whether the one before it is closed. */
const overlapCheckMs = 500;
/** A clock that is behind the cursor by more than this was wrong before: the cursor follows it back. */
const clockSetBackMs = 2 * 3_600_000;

/**
 * Wakes an agent by the calendar.
 *
 * The cursor is the `scheduled_time` of the last accepted event; an occurrence at or before it is not due again, so a clock that is set back repeats nothing. Only
 * when the clock goes back by more than two hours does the cursor follow, so that a wrong clock put right silences nobody for a day; what ran already is then
 * refused by its event id `cron:<trigger>:<time>`, which the mailbox takes once. What was due while nobody could take it (the host was down, the
 * machine slept, the event was rejected) is missed, and `misfire` says what becomes of it: `skip` nothing, `once` the newest, `all` each, up to `misfire_limit`.
 */
export class CronTrigger implements BaseTrigger {
  readonly triggerId: string;
  readonly triggerType = 'cron';
  readonly #deps: TriggerDependencies;
  /** Of the configuration only what is needed later: there may be 100,000 of these. */
  readonly #policy: Pick<TriggerConfig, 'misfire' | 'misfireLimit' | 'overlap'>;
  readonly #schedule: CronSchedule;
  #isActive = false;
  #cursor = Number.NEGATIVE_INFINITY;
  #startedAt = 0;
  /** Occurrences that are due and not handed out yet, oldest first. */
  #due: { at: number; missed: number }[] = [];
  /** The cursor before an occurrence was handed out, to go back to when it is rejected. */
  #cursorBefore: Map<string, number> | undefined;
  #notBefore = Number.NEGATIVE_INFINITY;
  #asker: { resolve: (event: TriggerEvent) => void; reject: (error: Error) => void } | undefined;
  #timer: Timer | undefined;

  constructor(deps: TriggerDependencies, config: TriggerConfig) {
    this.#deps = deps;
    this.#policy = { misfire: config.misfire, misfireLimit: config.misfireLimit, overlap: config.overlap };
    this.triggerId = triggerIdOf(config);
    if (config.cronExpression === undefined) throw new TriggerError('a cron trigger needs cron_expression', { triggerId: this.triggerId });
    this.#schedule = cronSchedule(config.cronExpression, { timezone: config.cronTimezone ?? 'UTC', seconds: config.cronSeconds });
  }

  /** When it is due next by the calendar, in milliseconds since the epoch; for status displays. */
  get nextDueAt(): number | undefined {
    return this.#due[0]?.at ?? this.#schedule.next(Math.max(this.#cursor, this.#deps.clock.now()));
  }

  /** Whether a trigger that is made anew would go on exactly as this one: occurrences that were skipped for overlap are remembered here only. */
  get isResumable(): boolean {
    return this.#policy.overlap !== 'skip';
  }

  start(): Promise<void> {
    if (this.#isActive) return Promise.resolve();
    this.#isActive = true;
    this.#startedAt = this.#deps.clock.now();
    this.#notBefore = Number.NEGATIVE_INFINITY;
    this.#cursor = this.#rememberedCursor() ?? this.#deps.memory.firstStartedAt() ?? this.#startedAt;
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.#isActive = false;
    this.#due = [];
    this.#cursorBefore = undefined;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#asker?.reject(new TriggerStoppedError(this.triggerId));
    this.#asker = undefined;
    return Promise.resolve();
  }

  waitForNext(): Promise<TriggerEvent> {
    if (!this.#isActive) return Promise.reject(new TriggerStoppedError(this.triggerId));
    if (this.#asker !== undefined) return Promise.reject(new TriggerError(`trigger ${this.triggerId} is waited for already`, { triggerId: this.triggerId }));
    return new Promise((resolve, reject) => {
      this.#asker = { resolve, reject };
      this.#tick();
    });
  }

  acknowledge(event: TriggerEvent): Promise<void> {
    this.#cursorBefore?.delete(event.eventId);
    return Promise.resolve();
  }

  reject(event: TriggerEvent, reason: { message: string; retryAfterMs: number }): Promise<void> {
    const cursor = this.#cursorBefore?.get(event.eventId);
    if (cursor === undefined) return Promise.resolve();
    this.#cursorBefore?.delete(event.eventId);
    this.#cursor = Math.min(this.#cursor, cursor);
    this.#due = [];
    this.#notBefore = this.#deps.clock.now() + reason.retryAfterMs;
    return Promise.resolve();
  }

  /** Answers the asker when something is due, otherwise sleeps until it is. */
  #tick(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const asker = this.#asker;
    if (asker === undefined) return;
    const now = this.#deps.clock.now();
    if (now < this.#notBefore) {
      this.#sleepUntil(this.#notBefore);
      return;
    }
    if (now < this.#cursor - clockSetBackMs) {
      this.#deps.logger.warn({ trigger_id: this.triggerId, cursor: new Date(this.#cursor).toISOString() }, 'the clock was set back by hours; cron goes on from the new time');
      this.#cursor = now;
      this.#due = [];
    }
    if (this.#due.length === 0) this.#collect(now);
    const next = this.#due[0];
    if (next === undefined) {
      const at = this.#schedule.next(Math.max(this.#cursor, now));
      if (at === undefined) {
        this.#asker = undefined;
        asker.reject(new TriggerError(`trigger ${this.triggerId}: ${this.#schedule.expression} is not due again`, { triggerId: this.triggerId }));
        return;
      }
      this.#sleepUntil(at);
      return;
    }
    if (this.#policy.overlap !== 'allow' && this.#deps.memory.openEvents() > 0) {
      if (this.#policy.overlap === 'skip') {
        this.#deps.logger.info({ trigger_id: this.triggerId, skipped: this.#due.length, scheduled_time: new Date(next.at).toISOString() }, 'cron occurrence skipped: the one before it is not closed');
        this.#cursor = this.#due.at(-1)?.at ?? this.#cursor;
        this.#due = [];
        this.#tick();
      } else this.#sleepUntil(now + overlapCheckMs);
      return;
    }
    this.#due.shift();
    const event = this.#eventFor(next);
    this.#cursorBefore ??= new Map();
    this.#cursorBefore.set(event.eventId, this.#cursor);
    this.#cursor = next.at;
    this.#asker = undefined;
    asker.resolve(event);
  }

  /** Fills `#due` with what became due since the cursor, by the misfire policy. */
  #collect(now: number): void {
    const { misfire, misfireLimit } = this.#policy;
    const { occurrences, earlier } = dueOccurrences(this.#schedule, this.#cursor, now, misfireLimit);
    const newest = occurrences.at(-1);
    if (newest === undefined) return;
    if (misfire === 'all') {
      this.#due = occurrences.map((at, index) => ({ at, missed: index === 0 ? earlier : 0 }));
      return;
    }
    const missed = Math.min(occurrences.length - 1 + earlier, misfireLimit);
    const isOnTime = newest > this.#startedAt && now - newest <= graceMs;
    if (misfire === 'skip') {
      if (isOnTime) this.#due = [{ at: newest, missed: 0 }];
      else this.#cursor = newest;
      return;
    }
    this.#due = [{ at: newest, missed }];
  }

  #sleepUntil(at: number): void {
    this.#timer = this.#deps.scheduler.at(at, () => this.#tick(), { alsoWhenSetBack: true });
  }

  #rememberedCursor(): number | undefined {
    const payload = this.#deps.memory.lastEvent()?.payload;
    if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) return undefined;
    const text = (payload as { readonly scheduled_time?: unknown }).scheduled_time;
    const at = typeof text === 'string' ? Date.parse(text) : Number.NaN;
    return Number.isNaN(at) ? undefined : at;
  }

  #eventFor({ at, missed }: { at: number; missed: number }): TriggerEvent {
    const scheduledTime = new Date(at).toISOString();
    return {
      triggerId: this.triggerId,
      triggerType: this.triggerType,
      eventId: `cron:${this.triggerId}:${scheduledTime}`,
      timestamp: this.#deps.clock.now(),
      payload: {
        scheduled_time: scheduledTime,
        cron_expression: this.#schedule.expression,
        timezone: this.#schedule.timezone,
        ...(missed > 0 ? { missed } : {}),
      },
      metadata: {},
      cause: [],
    };
  }
}
