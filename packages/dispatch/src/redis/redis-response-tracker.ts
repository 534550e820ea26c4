import { Keyspace } from '@cortex-runtime/bus';
import { documentCodec, type Clock } from '@cortex-runtime/core';
import { z } from 'zod';

import { ResponseTrackerOptions, type MessageClaim, type ResponseTracker } from '../claims/response-tracker.ts';
import { DispatchStoreError } from '../errors.ts';
import { keyId } from './key-id.ts';
import type { RedisClient } from './redis-client.ts';
import { commandTimeoutMs, RedisCommands } from './redis-commands.ts';
import { noteResponseScript } from './scripts/note-response.lua.ts';

export const RedisResponseTrackerOptions = z.strictObject({ ...ResponseTrackerOptions.shape, commandTimeoutMs });
export type RedisResponseTrackerOptions = z.input<typeof RedisResponseTrackerOptions>;

const text = z.string().default('');

/** A claim as it lies in Redis; fields of other versions are passed over. */
const StoredClaim = z.looseObject({
  v: z.literal(1).default(1), taskId: z.string().min(1), stream: z.string().min(1), agent: text, domain: text, digest: text, msgId: z.string().nullable().default(null), status: text,
});
const codec = documentCodec(StoredClaim);

/** {@link ResponseTracker} for several processes: a key for each message, set by whoever comes first, which goes by itself. */
export class RedisResponseTracker implements ResponseTracker {
  readonly #commands: RedisCommands;
  readonly #keyspace: Keyspace;
  readonly #ttlMs: number;

  /** @param deps.keyspace - whose messages they are; the fleet's when left out */
  constructor(deps: { redis: RedisClient; clock: Clock; keyspace?: Keyspace }, options: RedisResponseTrackerOptions = {}) {
    const settings = RedisResponseTrackerOptions.parse(options);
    this.#commands = new RedisCommands(deps, settings);
    this.#keyspace = deps.keyspace ?? Keyspace.fleet();
    this.#ttlMs = settings.ttlMs;
  }

  async claim(messageId: string, claim: MessageClaim): Promise<{ claim: MessageClaim; isNew: boolean }> {
    const written = JSON.stringify({ v: 1, ...codec.writeCompact({ ...claim, v: 1 }) });
    const known = await this.#commands.command(`claim the message ${messageId}`, 'SET', this.#key(messageId), written, 'NX', 'GET', 'PX', this.#ttlMs);
    if (typeof known !== 'string') return { claim, isNew: true };
    const first = readClaim(messageId, known);
    // The client may have sent it again because the first reply was lost.
    return { claim: first, isNew: first.taskId === claim.taskId };
  }

  async markResponded(messageId: string, status: string, options: { msgId?: string } = {}): Promise<void> {
    await this.#commands.script(`note what became of the message ${messageId}`, noteResponseScript, [this.#key(messageId)], [status, options.msgId ?? '']);
  }

  async find(messageId: string): Promise<MessageClaim | undefined> {
    const known = await this.#commands.command(`find the claim of the message ${messageId}`, 'GET', this.#key(messageId));
    return typeof known === 'string' ? readClaim(messageId, known) : undefined;
  }

  #key(messageId: string): string {
    return this.#keyspace.respondedKey(keyId(messageId));
  }
}

/** A claim that can not be read still says that somebody answers, so it is not passed over. @throws DispatchStoreError */
function readClaim(messageId: string, known: string): MessageClaim {
  try {
    const { taskId, stream, agent, domain, digest, msgId, status } = codec.read(JSON.parse(known), 'the claim');
    return { taskId, stream, agent, domain, digest, msgId, status };
  } catch (error) {
    throw new DispatchStoreError(`read the claim of the message ${messageId}`, { cause: error, retryable: false });
  }
}
