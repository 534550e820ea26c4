import { Keyspace } from '@cortex-runtime/bus';
import type { Clock } from '@cortex-runtime/core';
import { z } from 'zod';

import { ThreadAffinityOptions, type ThreadAffinity } from '../threads/thread-affinity.ts';
import { keyId } from './key-id.ts';
import type { RedisClient } from './redis-client.ts';
import { commandTimeoutMs, RedisCommands } from './redis-commands.ts';

export const RedisThreadAffinityOptions = z.strictObject({ ...ThreadAffinityOptions.shape, commandTimeoutMs });
export type RedisThreadAffinityOptions = z.input<typeof RedisThreadAffinityOptions>;

/** {@link ThreadAffinity} for several processes: a key for each thread, with the agent's name, which goes by itself. */
export class RedisThreadAffinity implements ThreadAffinity {
  readonly #commands: RedisCommands;
  readonly #keyspace: Keyspace;
  readonly #ttlMs: number;

  /** @param deps.keyspace - whose threads they are; the fleet's when left out */
  constructor(deps: { redis: RedisClient; clock: Clock; keyspace?: Keyspace }, options: RedisThreadAffinityOptions = {}) {
    const settings = RedisThreadAffinityOptions.parse(options);
    this.#commands = new RedisCommands(deps, settings);
    this.#keyspace = deps.keyspace ?? Keyspace.fleet();
    this.#ttlMs = settings.ttlMs;
  }

  async getAgent(threadId: string): Promise<string | undefined> {
    const agent = await this.#commands.command('find the agent of a thread', 'GET', this.#key(threadId));
    return typeof agent === 'string' && agent !== '' ? agent : undefined;
  }

  async setAgent(threadId: string, agent: string): Promise<void> {
    await this.#commands.command('keep a thread with its agent', 'SET', this.#key(threadId), agent, 'PX', this.#ttlMs);
  }

  async refreshTtl(threadId: string): Promise<boolean> {
    return (await this.#commands.command('keep a thread with its agent', 'PEXPIRE', this.#key(threadId), this.#ttlMs)) === 1;
  }

  async clear(threadId: string): Promise<void> {
    await this.#commands.command('part a thread from its agent', 'DEL', this.#key(threadId));
  }

  #key(threadId: string): string {
    return this.#keyspace.threadAgentKey(keyId(threadId));
  }
}
