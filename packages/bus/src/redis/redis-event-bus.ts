import { describeError, idGenerator, jitteredBackoffMs, silentLogger, sleep, type HealthStatus, type IdGenerator, type JsonValue, type Logger } from '@cortex-runtime/core';
import { z } from 'zod';

import { BusConfig, type BusSettings } from '../config/index.ts';
import { BusSerializationError } from '../errors.ts';
import type { BusEvent, EventBus, EventOf, EventSubscriptionOptions, EventTypes, PublishEventOptions } from '../event-bus.ts';
import { FanOut } from '../fan-out.ts';
import { assertOpen } from '../held-subscription.ts';
import { eventsKept, makeEvent, type EventBusDependencies } from '../memory/memory-event-bus.ts';
import { decodeEntry } from './entry-codec.ts';
import { isLess } from '../entry-id.ts';
import { RedisConnection, type Reply } from './redis-connection.ts';

/** What is written; others may add fields. */
const WrittenEvent = z.looseObject({
  event_id: z.string(),
  event_type: z.string(),
  source: z.string(),
  data: z.custom<JsonValue>((value) => value !== undefined),
  timestamp: z.number(),
  cause: z.array(z.string()).optional(),
});

/** Entries of one page of what was published before. */
const pageSize = 500;

/**
 * {@link EventBus} on one Redis stream, `<prefix>:events`, that every process reads for itself: a listener that loses its connection goes on where it was.
 *
 * Creating it connects to nothing; the first call does.
 */
export class RedisEventBus<Events extends EventTypes = EventTypes> implements EventBus<Events> {
  readonly settings: BusSettings;
  readonly #deps: EventBusDependencies;
  readonly #logger: Logger;
  readonly #createId: IdGenerator;
  readonly #fanOut: FanOut;
  readonly #commands: RedisConnection;
  readonly #reader: RedisConnection;
  readonly #key: string;
  #position: string | undefined;
  #starting: Promise<void> | undefined;
  #running: Promise<void> | undefined;
  #isClosed = false;

  constructor(deps: EventBusDependencies, config: BusConfig = {}) {
    this.settings = BusConfig.parse(config);
    this.#deps = deps;
    this.#logger = deps.logger ?? silentLogger;
    this.#createId = idGenerator(deps);
    this.#fanOut = new FanOut(this.#logger, deps.onNotice);
    const connection = { clock: deps.clock, random: deps.random, logger: this.#logger, onDisconnect: (name: string, error: string) => this.#logger.warn({ connection: name, error }, 'event bus disconnected') };
    this.#commands = new RedisConnection(connection, this.settings, 'events: commands');
    this.#reader = new RedisConnection(connection, this.settings, 'events: reader');
    this.#key = `${this.settings.streamPrefix}:events`;
  }

  async publish<Type extends keyof Events & string>(eventType: Type, data: Events[Type], options: PublishEventOptions): Promise<string> {
    assertOpen(this.#isClosed);
    const { eventId, source, timestamp, cause, ...event } = makeEvent(eventType, data, options, { timestamp: this.#deps.clock.now(), eventId: this.#createId() });
    const written = { event_id: eventId, event_type: eventType, source, data: event.data, timestamp, ...(cause === undefined ? {} : { cause: [...cause] }) } satisfies z.infer<typeof WrittenEvent>;
    // Repeating may write it twice; listeners know an event by its id.
    await this.#commands.persist(`publish ${eventType}`, () =>
      this.#commands.command(['XADD', this.#key, 'MAXLEN', '~', eventsKept, '*', 'type', eventType, 'payload', JSON.stringify(written)]),
    );
    return eventId;
  }

  async subscribe<Pattern extends string>(pattern: Pattern, handler: (event: EventOf<Events, Pattern>) => Promise<void> | void, options: EventSubscriptionOptions = {}): Promise<() => Promise<void>> {
    assertOpen(this.#isClosed);
    const { end, replay } = this.#fanOut.add(pattern, handler as unknown as (event: BusEvent) => Promise<void> | void, options);
    this.#starting ??= this.#start();
    try {
      await this.#starting;
    } catch (error) {
      this.#starting = undefined;
      await end();
      throw error;
    }
    if (options.since !== undefined) {
      try {
        replay(await this.#publishedSince(options.since));
      } catch (error) {
        await end();
        throw error;
      }
    }
    return end;
  }

  async health(): Promise<HealthStatus> {
    const details = { stream: this.#key, subscriptions: this.#fanOut.size };
    if (this.#isClosed) return { ok: false, error: 'the event bus is closed', details };
    try {
      const startedAt = this.#deps.clock.monotonic();
      await this.#commands.command(['PING']);
      return { ok: true, latencyMs: this.#deps.clock.monotonic() - startedAt, details };
    } catch (error) {
      return { ok: false, error: describeError(error), details };
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#reader.close();
    this.#commands.close();
    await this.#running;
    await this.#fanOut.close();
  }

  /** What was published from then on and was read already; what comes later is read anyway. */
  async #publishedSince(since: number): Promise<BusEvent[]> {
    const last = this.#position ?? '0-0';
    const events: BusEvent[] = [];
    for (let from = String(Math.max(0, Math.floor(since))); ; ) {
      const page = (await this.#commands.persist('read earlier events', () => this.#commands.command(['XRANGE', this.#key, from, last, 'COUNT', pageSize], { asBuffer: true }))) as [Buffer, Reply][];
      for (const [id, fields] of page) {
        const event = this.#readEvent(id, fields);
        if (event !== undefined) events.push(event);
      }
      const end = page.at(-1)?.[0].toString();
      if (page.length < pageSize || end === undefined) return events;
      from = `(${end}`;
    }
  }

  /** Begins after the last event that there is. */
  async #start(): Promise<void> {
    const reply = (await this.#commands.persist('find the last event', () => this.#commands.command(['XREVRANGE', this.#key, '+', '-', 'COUNT', 1]))) as [string, Reply][];
    this.#position ??= reply[0]?.[0] ?? '0-0';
    this.#running ??= this.#read();
  }

  async #read(): Promise<void> {
    let failures = 0;
    while (!this.#isClosed) {
      const { blockMs, readWatchdogMs } = this.settings;
      try {
        if (failures > 0) await this.#checkGap();
        const reply = await this.#reader.command(['XREAD', 'COUNT', 500, 'BLOCK', blockMs, 'STREAMS', this.#key, this.#position ?? '$'], { asBuffer: true, timeoutMs: Math.min(blockMs * 2, readWatchdogMs) });
        failures = 0;
        if (Array.isArray(reply)) for (const [, entries] of reply as [Buffer, [Buffer, Reply][]][]) for (const [id, fields] of entries) this.#deliver(id, fields);
      } catch (error) {
        if (this.#isClosed) return;
        failures += 1;
        this.#logger.debug({ error: describeError(error) }, 'reading events failed; it is tried again');
        await sleep(this.#deps.clock, jitteredBackoffMs(failures, { baseMs: 50, maxMs: 2_000 }, this.#deps.random)).catch(() => {});
      }
    }
  }

  /** After a broken connection: is what was published in the meantime still there? */
  async #checkGap(): Promise<void> {
    const reply = (await this.#reader.command(['XRANGE', this.#key, '-', '+', 'COUNT', 1])) as [string, Reply][];
    const first = reply[0]?.[0];
    const after = this.#position;
    if (first !== undefined && after !== undefined && after !== '0-0' && isLess(after, first)) this.#fanOut.notify({ type: 'events.gap', after, first });
  }

  #deliver(id: Buffer, fields: Reply): void {
    this.#position = id.toString();
    const event = this.#readEvent(id, fields);
    if (event !== undefined) this.#fanOut.deliver(event);
  }

  /** Undefined for what is no event. */
  #readEvent(id: Buffer, fields: Reply): BusEvent | undefined {
    try {
      const { data, source, timestamp, event_id: eventId, event_type: eventType, cause } = readEvent(this.#key, id, fields);
      return { eventId, eventType, source, data, timestamp, ...(cause === undefined ? {} : { cause }) };
    } catch (error) {
      this.#logger.warn({ error: describeError(error) }, 'an entry of the events stream was passed over');
      return undefined;
    }
  }
}

/** @throws BusSerializationError for what is no event */
function readEvent(stream: string, id: Buffer, fields: Reply): z.infer<typeof WrittenEvent> {
  const payload = decodeEntry(id, fields)?.payload?.toString() ?? '';
  try {
    return WrittenEvent.parse(JSON.parse(payload));
  } catch (error) {
    throw new BusSerializationError(stream, id.toString(), 'it is no event', { cause: error });
  }
}
