import type { RunUpdate, ServedProcess } from '../served-runtime.ts';

/** One update with its place in the stream. */
export interface NumberedUpdate {
  /** `<epoch>-<number>`; a client gives it back as `Last-Event-ID`. */
  id: string;
  update: RunUpdate;
}

/**
 * Hands the updates of a process to any number of listeners, and keeps the newest for clients that come back.
 *
 * Updates are a view on runs, not a record: the journal is. What a client missed beyond the kept ones is announced as a gap.
 */
export class StreamHub {
  readonly #epoch: string;
  readonly #kept: number;
  readonly #channels = new WeakMap<ServedProcess, Channel>();
  readonly #open = new Set<Channel>();

  /** @param epoch - unique per start of the server, so that an id of an earlier one is not mistaken */
  constructor(epoch: string, options: { keptUpdates: number }) {
    this.#epoch = epoch;
    this.#kept = options.keptUpdates;
  }

  /**
   * Calls `listener` for what comes from now on, after what came since `lastEventId`.
   *
   * @returns ends the subscription; `hasGap` when something since `lastEventId` is no longer known
   */
  subscribe(process: ServedProcess, lastEventId: string | undefined, listener: (update: NumberedUpdate) => void): { hasGap: boolean; missed: NumberedUpdate[]; end: () => void } {
    let channel = this.#channels.get(process);
    if (channel === undefined) {
      channel = new Channel(process, this.#epoch, this.#kept);
      this.#channels.set(process, channel);
      this.#open.add(channel);
    }
    const since = channel.since(lastEventId);
    channel.listeners.add(listener);
    return { ...since, end: () => void channel.listeners.delete(listener) };
  }

  close(): void {
    for (const channel of this.#open) channel.close();
    this.#open.clear();
  }
}

class Channel {
  readonly listeners = new Set<(update: NumberedUpdate) => void>();
  readonly close: () => void;
  readonly #epoch: string;
  readonly #recent: NumberedUpdate[] = [];
  #count = 0;

  constructor(process: ServedProcess, epoch: string, kept: number) {
    this.#epoch = epoch;
    this.close = process.subscribe((update) => {
      this.#count += 1;
      const numbered = { id: `${epoch}-${this.#count}`, update };
      this.#recent.push(numbered);
      if (this.#recent.length > kept) this.#recent.shift();
      for (const listener of this.listeners) listener(numbered);
    });
  }

  since(lastEventId: string | undefined): { hasGap: boolean; missed: NumberedUpdate[] } {
    if (lastEventId === undefined) return { hasGap: false, missed: [] };
    const [, epoch, digits] = /^([0-9a-f]+)-(\d{1,15})$/.exec(lastEventId) ?? [];
    const number = Number(digits);
    const oldest = this.#count - this.#recent.length;
    if (epoch !== this.#epoch || number > this.#count || number < oldest) return { hasGap: true, missed: [...this.#recent] };
    return { hasGap: false, missed: this.#recent.slice(number - oldest) };
  }
}
