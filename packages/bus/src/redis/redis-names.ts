/**
 * The keys beside a stream. Their hash tag is the stream's own key, so in a cluster all keys of one stream share its slot while the stream keeps the name
 * that other libraries know.
 */
export class RedisNames {
  readonly prefix: string;

  constructor(prefix: string) {
    this.prefix = prefix;
  }

  stream(stream: string): string {
    return `${this.prefix}:${stream}`;
  }
  deadLetters(stream: string): string {
    return `{${this.prefix}:${stream}}:dead`;
  }
  errors(stream: string): string {
    return `{${this.prefix}:${stream}}:errors`;
  }
  /** @param digest - of the deduplication id: ids are long, and there is a key for each message */
  dedup(stream: string, digest: string): string {
    return `{${this.prefix}:${stream}}:d:${digest}`;
  }
  /** A hash, for the messages of an hour: by message id, what was published when it was settled. */
  followUps(stream: string, msgId: string): string {
    return `${this.followUpsPrefix(stream)}${Math.floor(Number(msgId.slice(0, msgId.indexOf('-'))) / followUpsOfMs)}`;
  }
  followUpsPrefix(stream: string): string {
    return `{${this.prefix}:${stream}}:f:`;
  }
  /** What a lane of publishes did last. @param lane - one of its own for each piece of work that may be under way beside others */
  lane(stream: string, busId: string, lane: number | string): string {
    return `{${this.prefix}:${stream}}:lane:${busId}:${lane}`;
  }
  /** What a lane of settlements did last. @param lane - one of its own for each piece of work that may be under way beside others */
  settleLane(stream: string, busId: string, lane: string): string {
    return `{${this.prefix}:${stream}}:settle:${busId}:${lane}`;
  }
  /** A hash: by consumer, a number that its process keeps raising. */
  get consumers(): string {
    return `${this.prefix}:bus:consumers`;
  }
  /** What `health` writes to see who has it. */
  get probe(): string {
    return `${this.prefix}:bus:probe`;
  }
  /** A channel: streams on which work was given back. */
  get returned(): string {
    return `${this.prefix}:bus:returned`;
  }
}

/** Milliseconds whose messages share a hash of follow-ups: a key for each message would cost the server more than the message. */
export const followUpsOfMs = 3_600_000;

/** How long the last batch of a lane is remembered: longer than any operation repeats itself. */
export const laneMemoryMs = 600_000;

/** Holds what waits for its next delivery. */
export const parkingConsumer = '~parked';
/** A parked message is due when it is idle for this long (11.5 days: beyond what a consumer's work is, within what the server can count back). */
export const parkedDueMs = 1_000_000_000;

/** Consumers whose liveness is kept in {@link RedisNames.consumers} carry this mark. */
export function leasedConsumer(identity: string, busId: string): string {
  return `${identity}~${busId}`;
}
export function isLeased(consumer: string): boolean {
  return consumer.includes('~') && consumer !== parkingConsumer;
}
