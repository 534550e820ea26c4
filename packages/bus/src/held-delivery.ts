import { describeError, type JsonValue } from '@cortex-runtime/core';

import { BusSerializationError, LeaseLostError } from './errors.ts';
import { assertFollowUp } from './publish-options.ts';
import type { Delivery, FollowUp, NackOutcome } from './message-bus.ts';

/** What an adapter does with a delivery that its holder has settled. Each resolves to whether the message was still this delivery's to settle. */
export interface Settlements {
  ack(delivery: HeldDelivery, followUp: FollowUp | undefined): Promise<boolean>;
  /**
   * @param delayMs - before it may be delivered again; the adapter's backoff when undefined
   * @param followUp - published if this was the last attempt
   */
  retry(delivery: HeldDelivery, error: string, delayMs: number | undefined, followUp: FollowUp | undefined): Promise<NackOutcome | undefined>;
  deadLetter(delivery: HeldDelivery, error: string, followUp: FollowUp | undefined): Promise<boolean>;
  release(delivery: HeldDelivery, delayMs: number): Promise<boolean>;
}

/** Who is told when a delivery is held no more. */
export interface Holder {
  readonly settlements: Settlements;
  /** The delivery needs no place any more. */
  freed(delivery: HeldDelivery): void;
  settled(delivery: HeldDelivery): void;
}

/** What is known of earlier attempts. */
export interface DeliveryHistory {
  readonly errors: readonly string[];
  readonly isExhausted: boolean;
  /** Its consumers have died again and again. */
  readonly isSuspect?: boolean;
}

const firstAttempt: DeliveryHistory = { errors: [], isExhausted: false };

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** A delivery that is on loan. States: held → settling → settled; from held also → lost; a settlement that failed for want of a connection goes back to held. */
export class HeldDelivery implements Delivery {
  readonly stream: string;
  readonly group: string;
  readonly msgId: string;
  readonly msgType: string;
  readonly deliveryCount: number;
  /** For the adapter: when the loan was last renewed, monotonic. */
  renewedAt = 0;
  /** For the adapter: the deduplication id, digested, whose memory is kept while this delivery is held. */
  dedupDigest: string | undefined;
  /** A text until somebody asks for its bytes. */
  #content: Uint8Array | string;
  readonly #history: DeliveryHistory;
  readonly #holder: Holder;
  #state: 'held' | 'settling' | 'settled' | 'lost' = 'held';
  #abort: AbortController | undefined;
  #hasPlace = true;

  constructor(holder: Holder, stream: string, group: string, msgId: string, msgType: string, content: Uint8Array | string, deliveryCount: number, history = firstAttempt) {
    this.#holder = holder;
    this.stream = stream;
    this.group = group;
    this.msgId = msgId;
    this.msgType = msgType;
    this.#content = content;
    this.deliveryCount = deliveryCount;
    this.#history = history;
  }

  get payload(): Uint8Array {
    if (typeof this.#content === 'string') this.#content = Buffer.from(this.#content);
    return this.#content;
  }

  get errors(): readonly string[] {
    return this.#history.errors;
  }

  get isExhausted(): boolean {
    return this.#history.isExhausted;
  }

  get resumed(): boolean {
    return this.deliveryCount > 1;
  }

  /** Made when first asked for: most handlers never look at it. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#state === 'lost') this.#abort.abort(this.#lost());
    }
    return this.#abort.signal;
  }

  /** Whether it counts among what its subscription may hold. */
  get hasPlace(): boolean {
    return this.#hasPlace;
  }

  freePlace(): void {
    if (!this.#hasPlace || this.#state === 'settled' || this.#state === 'lost') return;
    this.#hasPlace = false;
    this.#holder.freed(this);
  }

  get isSettling(): boolean {
    return this.#state === 'settling';
  }

  text(): string {
    try {
      return utf8.decode(this.payload);
    } catch (error) {
      throw new BusSerializationError(this.stream, this.msgId, 'the payload is no UTF-8 text', { cause: error });
    }
  }

  json(): JsonValue {
    const text = this.text();
    try {
      return JSON.parse(text) as JsonValue;
    } catch (error) {
      throw new BusSerializationError(this.stream, this.msgId, `the payload is no JSON (${describeError(error)})`, { cause: error });
    }
  }

  async ack({ publish }: { publish?: FollowUp } = {}): Promise<void> {
    assertFollowUp(publish);
    this.#begin();
    let isOurs: boolean;
    try {
      isOurs = await this.#holder.settlements.ack(this, publish);
    } catch (error) {
      throw this.#failed(error);
    }
    this.#end(isOurs);
    if (!isOurs) throw this.#lost();
  }

  async nack(reason: unknown, { delayMs, publish }: { delayMs?: number; publish?: FollowUp } = {}): Promise<NackOutcome> {
    assertFollowUp(publish);
    if (reason instanceof BusSerializationError || this.isExhausted) {
      await this.deadLetter(reason, publish === undefined ? {} : { publish });
      return 'dead_letter';
    }
    const outcome = await this.#settle((settlements) => settlements.retry(this, describeError(reason), delayMs, publish));
    if (outcome === undefined) throw this.#lost();
    return outcome;
  }

  async deadLetter(reason: unknown, { publish }: { publish?: FollowUp } = {}): Promise<void> {
    assertFollowUp(publish);
    if (!(await this.#settle((settlements) => settlements.deadLetter(this, describeError(reason), publish)))) throw this.#lost();
  }

  async release({ delayMs = 0 }: { delayMs?: number } = {}): Promise<void> {
    if (!(await this.#settle((settlements) => settlements.release(this, delayMs)))) throw this.#lost();
  }

  /** The adapter found that somebody else has it, or the subscription gave it back. */
  lose(): void {
    if (this.#state === 'settled' || this.#state === 'lost') return;
    this.#state = 'lost';
    this.#abort?.abort(this.#lost());
    this.#holder.settled(this);
  }

  /** The subscription stops: gives the message back and tells the holder. Never rejects: what can not be given back is reclaimed when the lease runs out. */
  async surrender(): Promise<void> {
    if (this.#state !== 'held') return;
    this.#state = 'settling';
    this.#abort?.abort(this.#lost());
    await this.#holder.settlements.release(this, 0).catch(() => false);
    this.#state = 'held';
    this.lose();
  }

  async #settle<T>(how: (settlements: Settlements) => Promise<T>): Promise<T> {
    this.#begin();
    let outcome: T;
    try {
      outcome = await how(this.#holder.settlements);
    } catch (error) {
      throw this.#failed(error);
    }
    this.#end(outcome !== false && outcome !== undefined);
    return outcome;
  }

  #begin(): void {
    if (this.#state !== 'held') throw this.#lost();
    this.#state = 'settling';
  }

  #failed(error: unknown): unknown {
    if (this.#state === 'settling') this.#state = 'held';
    return error;
  }

  #end(isOurs: boolean): void {
    if (!isOurs) this.lose();
    else if (this.#state === 'settling') {
      this.#state = 'settled';
      this.#holder.settled(this);
    }
  }

  #lost(): LeaseLostError {
    return new LeaseLostError(this.stream, this.msgId);
  }
}
