import type { Clock } from '@cortex-runtime/core';
import { z } from 'zod';

/** Which agent answers in a thread, for a while after its last answer. */
export interface ThreadAffinity {
  getAgent(threadId: string): Promise<string | undefined>;
  /** From now on this agent; the time begins anew. */
  setAgent(threadId: string, agent: string): Promise<void>;
  /** The time begins anew. @returns whether somebody answers there */
  refreshTtl(threadId: string): Promise<boolean>;
  clear(threadId: string): Promise<void>;
}

export const ThreadAffinityOptions = z.strictObject({
  /** Milliseconds after the last answer during which a thread stays with its agent. */
  ttlMs: z.int().min(1).default(86_400_000),
});
export type ThreadAffinityOptions = z.input<typeof ThreadAffinityOptions>;

/** {@link ThreadAffinity} of one process. */
export class InMemoryThreadAffinity implements ThreadAffinity {
  readonly #clock: Clock;
  readonly #ttlMs: number;
  /** In the order of their ends, the first first. */
  readonly #threads = new Map<string, { agent: string; until: number }>();

  constructor(deps: { clock: Clock }, options: ThreadAffinityOptions = {}) {
    this.#clock = deps.clock;
    this.#ttlMs = ThreadAffinityOptions.parse(options).ttlMs;
  }

  async getAgent(threadId: string): Promise<string | undefined> {
    this.#forgetOld();
    return this.#threads.get(threadId)?.agent;
  }

  async setAgent(threadId: string, agent: string): Promise<void> {
    this.#forgetOld();
    this.#threads.delete(threadId);
    this.#threads.set(threadId, { agent, until: this.#clock.monotonic() + this.#ttlMs });
  }

  async refreshTtl(threadId: string): Promise<boolean> {
    const agent = await this.getAgent(threadId);
    if (agent !== undefined) await this.setAgent(threadId, agent);
    return agent !== undefined;
  }

  async clear(threadId: string): Promise<void> {
    this.#threads.delete(threadId);
  }

  #forgetOld(): void {
    const now = this.#clock.monotonic();
    for (const [threadId, { until }] of this.#threads) {
      if (until > now) return;
      this.#threads.delete(threadId);
    }
  }
}
