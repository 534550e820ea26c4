import type { Clock } from '@cortex-runtime/core';
import { z } from 'zod';

/** What is known of the answer to a message. */
export interface MessageClaim {
  readonly taskId: string;
  /** Where its task goes, or went. */
  readonly stream: string;
  readonly agent: string;
  readonly domain: string;
  /** Digest of the message: another message under the same id is refused. */
  readonly digest: string;
  /** Id of the task's entry once it is on its stream. */
  readonly msgId: string | null;
  /** `claimed`: somebody is about to dispatch it; `dispatched`; or what else was reported. */
  readonly status: string;
}

/**
 * Sees to it that a message is answered by one task, whoever dispatches it and however often. A message is claimed before its task is published; who finds a claim
 * completes it, so a dispatcher that dies in between loses nothing.
 */
export interface ResponseTracker {
  /** Claims the message, unless it is claimed already. @returns the claim that counts, and whether it is this one, by its task; also when it is made again after a lost reply */
  claim(messageId: string, claim: MessageClaim): Promise<{ claim: MessageClaim; isNew: boolean }>;
  /** Notes where the task is, and what has become of the message. Without a claim nothing is noted. */
  markResponded(messageId: string, status: string, options?: { msgId?: string }): Promise<void>;
  find(messageId: string): Promise<MessageClaim | undefined>;
}

export const ResponseTrackerOptions = z.strictObject({
  /** Milliseconds that a message is known. */
  ttlMs: z.int().min(1).default(86_400_000),
});
export type ResponseTrackerOptions = z.input<typeof ResponseTrackerOptions>;

/** {@link ResponseTracker} of one process. */
export class InMemoryResponseTracker implements ResponseTracker {
  readonly #clock: Clock;
  readonly #ttlMs: number;
  /** In the order of their ends, the first first. */
  readonly #claims = new Map<string, { claim: MessageClaim; until: number }>();

  constructor(deps: { clock: Clock }, options: ResponseTrackerOptions = {}) {
    this.#clock = deps.clock;
    this.#ttlMs = ResponseTrackerOptions.parse(options).ttlMs;
  }

  async claim(messageId: string, claim: MessageClaim): Promise<{ claim: MessageClaim; isNew: boolean }> {
    const known = this.#known(messageId);
    if (known !== undefined) return { claim: known, isNew: known.taskId === claim.taskId };
    this.#claims.set(messageId, { claim, until: this.#clock.monotonic() + this.#ttlMs });
    return { claim, isNew: true };
  }

  async markResponded(messageId: string, status: string, options: { msgId?: string } = {}): Promise<void> {
    const known = this.#claims.get(messageId);
    if (known !== undefined) known.claim = { ...known.claim, status, msgId: options.msgId ?? known.claim.msgId };
  }

  async find(messageId: string): Promise<MessageClaim | undefined> {
    return this.#known(messageId);
  }

  #known(messageId: string): MessageClaim | undefined {
    const now = this.#clock.monotonic();
    for (const [id, { until }] of this.#claims) {
      if (until > now) break;
      this.#claims.delete(id);
    }
    return this.#claims.get(messageId)?.claim;
  }
}
