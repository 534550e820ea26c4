import type { BusSettings } from '../config/index.ts';
import type { DeliveryHistory } from '../held-delivery.ts';
import type { BusNotice } from '../message-bus.ts';
import { decodeEntry, type Entry } from './entry-codec.ts';
import type { RedisConnection, Reply } from './redis-connection.ts';
import { parkedDueMs, parkingConsumer, type RedisNames } from './redis-names.ts';
import type { RedisSettlements } from './redis-settlements.ts';
import { claimScript } from './scripts/claim.lua.ts';
import { errorMemoryMs, goneWithGroup } from './settling.ts';

export interface ReclaimerDependencies {
  settings: BusSettings;
  names: RedisNames;
  commands: RedisConnection;
  settlements: RedisSettlements;
  notify(notice: BusNotice): void;
}

export interface Reclaim {
  stream: string;
  group: string;
  dead: readonly string[];
  live: readonly string[];
  /** Also take what consumers nobody knows have had for `claimIdleMs`. */
  idle: boolean;
  /** Messages that can be taken now. */
  room(): number;
  take(entry: Entry, deliveryCount: number, history: DeliveryHistory): void;
  /** Something waits to be due, in so many ms; who has parked it may not be there any more then. */
  parked?(dueInMs: number): void;
  /** Whether what has used up its deliveries is taken, and not buried. */
  takesExhausted?: boolean;
  /** Whether a suspect is held: no other is taken then. */
  holdsSuspect?(): boolean;
  consumer?: string;
}

export interface Owed {
  readonly dead: readonly string[];
  readonly idle: boolean;
  /** Only suspects were left: they wait until none is held, whatever room there is. */
  readonly isSuspects: boolean;
}

const pageSize = 100;
/** A message that was delivered so often, each time to a consumer that died, may be what kills them. */
const deliveriesOfSuspects = 2;

/** Takes over abandoned work, page by page until nothing is left or there is no room; what there was no room for is owed, and taken up as soon as there is. */
export class Reclaimer {
  readonly #deps: ReclaimerDependencies;
  readonly #consumer: string;
  readonly #owed = new Map<string, Owed>();
  readonly #running = new Set<string>();
  /** Of those: what was asked for again meanwhile. What has come since may be behind the page that is being looked at. */
  readonly #askedAgain = new Set<string>();
  /** A claim is under way that may bring a suspect. */
  #asksForSuspect = false;

  constructor(deps: ReclaimerDependencies, consumer: string) {
    this.#deps = deps;
    this.#consumer = consumer;
  }

  /** What the last look could not take for want of room: whose work it was. Undefined when nothing is owed. */
  owed(stream: string, group: string): Owed | undefined {
    return this.#owed.get(`${group} ${stream}`);
  }

  /** Streams of a group on which something is owed that can be taken when there is room. */
  owing(group: string, { holdsSuspect }: { holdsSuspect: boolean }): string[] {
    if (this.#owed.size === 0) return [];
    const prefix = `${group} `;
    return [...this.#owed].filter(([route, { isSuspects }]) => route.startsWith(prefix) && !(isSuspects && holdsSuspect)).map(([route]) => route.slice(prefix.length));
  }

  owe(stream: string, group: string, { dead, idle, isSuspects }: Owed): void {
    const before = this.owed(stream, group);
    this.#owed.set(`${group} ${stream}`, { dead: [...new Set([...(before?.dead ?? []), ...dead])], idle: idle || before?.idle === true, isSuspects: isSuspects && before?.isSuspects !== false });
  }

  async reclaim(reclaim: Reclaim): Promise<void> {
    const { stream, group, consumer = this.#consumer } = reclaim;
    const route = `${consumer} ${group} ${stream}`;
    if (this.#running.has(route)) {
      this.owe(stream, group, { ...reclaim, isSuspects: false });
      this.#askedAgain.add(route);
      return;
    }
    this.#running.add(route);
    try {
      let next = reclaim;
      do {
        this.#askedAgain.delete(route);
        this.#owed.delete(`${group} ${stream}`);
        await this.#takePages(next);
        next = { ...reclaim, ...this.owed(stream, group) };
      } while (this.#askedAgain.has(route));
    } finally {
      this.#running.delete(route);
      this.#askedAgain.delete(route);
    }
  }

  async #takePages({ stream, group, dead, live, idle, room, take, parked = () => {}, takesExhausted = false, holdsSuspect = () => false, consumer = this.#consumer }: Reclaim): Promise<void> {
    const { settings, names, commands, notify } = this.#deps;
    const keys = [names.stream(stream), names.errors(stream), names.deadLetters(stream)];
    for (;;) {
      const limit = Math.min(room(), pageSize);
      if (limit <= 0) {
        if (consumer === this.#consumer) this.owe(stream, group, { dead, idle, isSuspects: false });
        return;
      }
      const allowed = settings.maxRetries + 1;
      const mayTakeSuspect = !this.#asksForSuspect && !holdsSuspect();
      if (mayTakeSuspect) this.#asksForSuspect = true;
      const args = [
        group, consumer, limit, allowed, parkingConsumer, parkedDueMs, dead.length, settings.leaseMs, live.length, idle ? settings.claimIdleMs : '', takesExhausted ? '1' : '',
        errorMemoryMs, Math.max(Math.min(deliveriesOfSuspects, allowed - 1), 1), mayTakeSuspect ? 1 : 0, ...dead, ...live,
      ];
      let reply: Reply | 'gone';
      try {
        reply = await commands.script(claimScript, keys, args, { asBuffer: true }).catch(goneWithGroup);
      } finally {
        if (mayTakeSuspect) this.#asksForSuspect = false; // what it has brought is handed over in this turn
      }
      if (!Array.isArray(reply)) return;
      const [taken, lost, buried, more, heldBack, dueInMs] = reply as [[Reply, number, Reply, Buffer, number, number][], Buffer[], Buffer[], number, number, number];
      for (const [id, count, fields, errors, isExhausted, isSuspect] of taken) {
        const entry = decodeEntry(id, fields);
        const told = errors.toString();
        if (entry !== undefined) take(entry, count, { errors: told === '' ? [] : (JSON.parse(told) as string[]), isExhausted: isExhausted === 1, isSuspect: isSuspect === 1 });
      }
      if (dueInMs >= 0) parked(dueInMs);
      if (lost.length > 0) notify({ type: 'bus.lost', stream, group, msgIds: lost.map(String) });
      for (const msgId of buried) notify({ type: 'bus.dead_lettered', stream, group, msgId: String(msgId), error: 'its consumers stopped without settling it' });
      if (heldBack === 1 && consumer === this.#consumer) this.owe(stream, group, { dead, idle, isSuspects: true });
      if (more === 0 || taken.length + lost.length + buried.length === 0) return;
    }
  }

  /**
   * Gives back what the server holds for this process and the process does not know: a reply with messages was lost.
   *
   * @param minIdleMs - so old that no reply can be under way any more
   */
  async audit(stream: string, group: string, minIdleMs: number, isHeld: (msgId: string) => boolean): Promise<void> {
    const { names, commands, settlements } = this.#deps;
    for (let from = '-'; ; ) {
      const reply = await commands.command(['XPENDING', names.stream(stream), group, 'IDLE', Math.ceil(minIdleMs), from, '+', pageSize, this.#consumer]).catch(goneWithGroup);
      if (!Array.isArray(reply) || reply.length === 0) return;
      const rows = reply as [string, string, number, number][];
      for (const [msgId, , , deliveryCount] of rows) {
        if (!isHeld(msgId)) await settlements.settle('release', { stream, group, msgId, deliveryCount }, '', 0);
      }
      if (rows.length < pageSize) return;
      from = `(${rows.at(-1)?.[0] ?? ''}`;
    }
  }
}
