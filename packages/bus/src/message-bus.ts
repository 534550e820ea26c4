import type { HealthStatus, JsonValue } from '@cortex-runtime/core';

/** A message as it was published. The names are the seed's. */
export interface Envelope {
  /** Given by the bus when it was published; `<milliseconds>-<number>`. */
  readonly msgId: string;
  readonly payload: Uint8Array;
  readonly msgType: string;
  /** True when it had been delivered before, to this or another consumer. */
  readonly resumed: boolean;
}

/** A message that a consumer of a group holds. */
export interface GroupMessage extends Envelope {
  readonly stream: string;
  readonly group: string;
  /** 1 at the first delivery. A message that was given back untouched is not counted again. */
  readonly deliveryCount: number;
}

export type NackOutcome = 'retry' | 'dead_letter';

/** A message that is added in the same step in which another is settled: both happen, or neither. */
export interface FollowUp extends Pick<PublishOptions, 'msgType' | 'maxLength' | 'whileUnread'> {
  stream: string;
  payload: Uint8Array | string;
}

/**
 * A message on loan to a subscription. The loan is renewed as long as the process lives; it ends with exactly one of `ack`, `nack`, `deadLetter` and `release`.
 *
 * When the loan is lost (the process was stopped or blocked for longer than the lease, the message was revoked, or the stream was emptied), `signal` is aborted as soon
 * as that is noticed, and each of the four rejects with LeaseLostError: what was done is not the recorded outcome, and no follow-up of it was published.
 *
 * In a cluster, where two streams need not share a slot, a follow-up is published before the message is settled; of several for one message only the first counts.
 */
export interface Delivery extends GroupMessage {
  readonly signal: AbortSignal;
  /** What the attempts before this one reported, the oldest first; consumers that died included. */
  readonly errors: readonly string[];
  /** It was delivered as often as it may be, and whoever had it last died: not to be worked on, but to be settled. See {@link SubscribeOptions.takesExhausted}. */
  readonly isExhausted: boolean;
  /** The work is done and only has to be settled: its place in the subscription is free for another message from now on. The message stays on loan. */
  freePlace(): void;
  /** The payload as UTF-8 text. @throws BusSerializationError when it is none */
  text(): string;
  /** The payload as JSON. @throws BusSerializationError when it is none */
  json(): JsonValue;
  /** Done. Resolves when the bus has recorded it, and has published `publish` with it. */
  ack(options?: { publish?: FollowUp }): Promise<void>;
  /**
   * Failed. It is delivered again after a backoff, by any consumer of the group, or becomes a dead letter after `maxRetries` retries.
   *
   * @param options.publish - published if this makes it a dead letter
   */
  nack(reason: unknown, options?: { delayMs?: number; publish?: FollowUp }): Promise<NackOutcome>;
  /** Never to be delivered again: kept among the dead letters with the reason. */
  deadLetter(reason: unknown, options?: { publish?: FollowUp }): Promise<void>;
  /** Not begun: given back, after `delayMs` (0) at the earliest to be delivered again; the delivery is not counted. */
  release(options?: { delayMs?: number }): Promise<void>;
}

export interface PublishOptions {
  /** Default `task`. */
  msgType?: string;
  /**
   * Within the deduplication window a second publish with the same id and payload gives the first message's id and adds nothing;
   * with another payload it is refused. At most 255 characters.
   */
  dedupId?: string;
  /** Acknowledged messages that the stream keeps, at least. Never limits what is not acknowledged by every group. Default: the configuration's. */
  maxLength?: number;
  /**
   * What becomes of messages while no group reads the stream: they are kept, up to `maxBacklog` (default), or only the newest `maxLength` are. Messages that a group
   * has not acknowledged are kept in both.
   */
  whileUnread?: 'keep' | 'trim';
}

/** One of several messages that are published together. */
export interface NewMessage extends PublishOptions {
  payload: Uint8Array | string;
}

/** What is known of a message that was published with a deduplication id. */
export interface PublishedMessage {
  readonly msgId: string;
  /** Whether its entry is still there. It goes some time after every group has acknowledged it; before that, somebody removed it. */
  readonly isKept: boolean;
  /** The message that was published when it was settled. */
  readonly followUpId: string | undefined;
}

/** What became of a message that was to be restored: it is still there, it was settled with a follow-up, or it was gone and was published again. */
export interface RestoredMessage {
  readonly msgId: string;
  readonly outcome: 'kept' | 'settled' | 'restored';
}

/** Messages of several streams as they come, for whoever only watches: nothing is consumed, and what is trimmed meanwhile is missed. */
export interface Tail extends AsyncIterableIterator<Envelope & { readonly stream: string }>, AsyncDisposable {
  stop(): Promise<void>;
}

export interface ReadGroupOptions {
  group?: string;
  /** Unique in the group; what a consumer of the same name left is not read again by this call, it is reclaimed. */
  consumer: string;
  /** Messages at most, default 10. */
  count?: number;
  /** Milliseconds to wait for the first message; 0, the default, does not wait. */
  blockMs?: number;
}

export interface SubscribeOptions {
  group?: string;
  /**
   * Messages on loan at once, of all streams together, those waiting in the iterator included; default 1, so that idle consumers elsewhere are not left without work.
   */
  maxInFlight?: number;
  /**
   * Which of the streams is served first: each in turn (default), or in the order in which they were named. With `priority`, one look in eight begins with the last, so
   * that no stream starves.
   */
  order?: 'fair' | 'priority';
  /** Also take messages whose last attempt died with its consumer, marked `isExhausted`, to settle them; by default they become dead letters by themselves. */
  takesExhausted?: boolean;
}

/** Messages of several streams, until `stop`. */
export interface Subscription extends AsyncIterableIterator<Delivery>, AsyncDisposable {
  readonly isRunning: boolean;
  /** Messages on loan at once from now on; 0 takes nothing until there is another limit. What it holds beyond it is kept. @throws InvalidInputError for what is no count */
  limit(maxInFlight: number): void;
  /**
   * Takes nothing more, gives back at once what the iterator has not handed out, waits up to `drainMs` (default 10,000) for the rest to be settled, then gives that back too.
   * The iterator ends. Leaving the `for await` loop is `stop` with 0.
   */
  stop(options?: { drainMs?: number }): Promise<void>;
}

/** A message that is not delivered any more. */
export interface DeadLetter {
  /** Its id among the dead letters. */
  readonly deadLetterId: string;
  readonly msgId: string;
  readonly stream: string;
  readonly group: string;
  readonly msgType: string;
  readonly payload: Uint8Array;
  readonly deliveryCount: number;
  /** What each attempt reported, the first ten, the oldest first. */
  readonly errors: readonly string[];
}

/** What waits on a stream. */
export interface StreamStatus {
  /** Entries kept, acknowledged ones included. */
  readonly length: number;
  readonly groups: readonly { readonly name: string; /** Delivered, not acknowledged. */ readonly pending: number; /** Not delivered yet. */ readonly waiting: number }[];
  readonly deadLetters: number;
}

/** What a bus reports besides answers to calls. */
export type BusNotice =
  /** A group was gone and was made again, at the beginning of the stream: what was on the stream before may be lost, or come again. */
  | { type: 'bus.reset'; stream: string; group: string }
  /** The broker no longer has what it had acknowledged to this publisher: it came back without its newest writes, another took over, or it was emptied. */
  | { type: 'bus.forgot'; stream: string }
  /** Pending messages whose entries no longer exist: somebody trimmed or deleted them. */
  | { type: 'bus.lost'; stream: string; group: string; msgIds: string[] }
  /** A loan of this process was taken over by another consumer. */
  | { type: 'bus.lease_lost'; stream: string; group: string; msgId: string }
  /** Strict class: messages were settled, but too few replicas confirmed it in time: a fail-over may deliver them again. */
  | { type: 'bus.unconfirmed'; stream: string; group: string; msgIds: string[] }
  | { type: 'bus.dead_lettered'; stream: string; group: string; msgId: string; error: string }
  /** A connection was given up because nothing came back on it, or it broke. */
  | { type: 'bus.disconnected'; connection: string; error: string };

/**
 * Durable streams that groups of consumers share. Each group gets every message; within a group one consumer does.
 *
 * Delivery is at least once, in the order of publishing per stream and consumer; a message that is delivered again may come after later ones.
 * A message stays until every group has acknowledged it; what no group has read is never dropped to make room.
 */
export interface MessageBus {
  /**
   * Adds a message and resolves to its id when the broker has it. Repeats itself after a lost connection without adding twice.
   *
   * @throws BusFullError, BusConflictError, BusConnectionError, BusClosedError
   */
  publish(stream: string, payload: Uint8Array | string, options?: PublishOptions): Promise<string>;
  /**
   * Adds several messages of one stream, in order, as `publish` does; for who hands in hundreds at once, at less cost. They are not one step: some may be refused.
   *
   * @returns of each, in order, its id, or why it has none: BusFullError, BusConflictError, BusConnectionError. Repeating those is as safe as with `publish`
   * @throws InvalidInputError naming the message that does not fit, BusClosedError; nothing is published then
   */
  publishAll(stream: string, messages: readonly NewMessage[]): Promise<(string | Error)[]>;
  /** Makes the stream and the group when they do not exist. A new group starts at the beginning of the stream unless told otherwise. */
  createGroup(stream: string, group?: string, options?: { start?: 'beginning' | 'end' }): Promise<void>;
  /**
   * Removes a group, with what it has not acknowledged: it holds the stream no more. Its subscriptions have to be ended before, or they make it again.
   *
   * @returns whether there was one
   */
  removeGroup(stream: string, group: string): Promise<boolean>;
  /** One read for those who keep track of messages themselves: no renewal, so whoever holds a message longer than `claimIdleMs` may see it go to another. */
  readGroup(streams: string | readonly string[], options: ReadGroupOptions): Promise<GroupMessage[]>;
  /** Acknowledges by id, whoever holds the message; gives how many were pending. */
  ack(stream: string, group: string, msgIds: string | readonly string[]): Promise<number>;
  /** Gives a message back by id, whoever holds it; `undefined` when it is not pending. */
  nack(stream: string, group: string, msgId: string, options?: { reason?: unknown; delayMs?: number }): Promise<NackOutcome | undefined>;
  /** @throws InvalidInputError when a stream's name is not valid; connection trouble is waited out */
  subscribe(streams: string | readonly string[], options?: SubscribeOptions): Subscription;
  /** Dead letters of a stream, the oldest first; `after` a dead letter's id goes on from there. */
  deadLetters(stream: string, options?: { limit?: number; after?: string }): Promise<DeadLetter[]>;
  /** Publishes dead letters again, to the group that gave up on them, and removes them from the list. Gives the new message ids; unknown ids are left out. */
  redeliver(stream: string, deadLetterIds: string | readonly string[]): Promise<string[]>;
  inspect(stream: string): Promise<StreamStatus>;
  /**
   * Takes a message back, from every group: nobody gets it any more, and whoever holds it has lost it. `publish` is added in the same step.
   *
   * @returns false, and nothing is published, when no group has it to work on any more
   */
  revoke(stream: string, msgId: string, options?: { publish?: FollowUp }): Promise<boolean>;
  /** The message that was published with this deduplication id within the window. */
  findPublished(stream: string, dedupId: string): Promise<PublishedMessage | undefined>;
  /**
   * Publishes a message again that the broker no longer has, under its deduplication id, for who has kept it: after a broker came back without its newest writes, after a
   * fail-over, a flush, or a trim by hand. A message that was acknowledged without a follow-up, and has left the stream since, can not be told from a lost one.
   *
   * @throws BusConflictError when the id belongs to another payload
   */
  restore(stream: string, dedupId: string, payload: Uint8Array | string, options?: { msgType?: string }): Promise<RestoredMessage>;
  /** A message by its id, whoever has read it; undefined when it is no longer kept. */
  fetch(stream: string, msgId: string): Promise<Envelope | undefined>;
  /** Watches streams from their end on, or from behind the message `after` when there is only one stream. Connection trouble is waited out. */
  tail(streams: string | readonly string[], options?: { after?: string }): Promise<Tail>;
  /** Never rejects. */
  health(): Promise<HealthStatus>;
  /** Stops every subscription without waiting for handlers, gives back what they held, and closes connections. */
  close(): Promise<void>;
}
