import type { Entry } from './entry-codec.ts';
import type { RedisConnection } from './redis-connection.ts';
import type { RedisNames } from './redis-names.ts';
import type { RedisSettlements } from './redis-settlements.ts';

export interface EntryFilterDependencies {
  names: RedisNames;
  commands: RedisConnection;
  settlements: RedisSettlements;
}

/** Keeps from consumers what is not for them. */
export class EntryFilter {
  readonly #deps: EntryFilterDependencies;
  readonly #isLeased: boolean;

  /** @param options.isLeased - whether the entries are held by the bus itself, or by whoever reads by itself */
  constructor(deps: EntryFilterDependencies, options: { isLeased: boolean }) {
    this.#deps = deps;
    this.#isLeased = options.isLeased;
  }

  /** False for an entry that is no message, which goes to the dead letters, and for one that is meant for another group. */
  isOurs(stream: string, group: string, entry: Entry, deliveryCount: number): boolean {
    const { commands, names, settlements } = this.#deps;
    const { msgId } = entry;
    if (entry.group !== undefined && entry.group !== group) {
      void commands.persist(`pass over ${msgId}`, () => commands.command(['XACK', names.stream(stream), group, msgId])).catch(() => {});
      return false;
    }
    if (entry.payload !== undefined) return true;
    const of = this.#isLeased ? { stream, group, msgId, deliveryCount } : { stream, group, msgId };
    void settlements.settle('dead', of, 'the entry has no payload field: it is no message', 0).catch(() => {});
    return false;
  }
}
