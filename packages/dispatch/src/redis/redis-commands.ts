import { hash } from 'node:crypto';

import type { Clock } from '@cortex-runtime/core';
import { z } from 'zod';

import { DispatchStoreError } from '../errors.ts';
import type { RedisClient } from './redis-client.ts';

/** Milliseconds that one command may take, connecting included. */
export const commandTimeoutMs = z.int().min(1).default(5_000);

/** A Lua script and the name under which the server keeps it. */
export interface Script {
  readonly source: string;
  readonly sha: string;
}

export function script(source: string): Script {
  return { source, sha: hash('sha1', source, 'hex') };
}

/**
 * Commands that end: with a reply, or with one kind of error, also when the client would wait for a server that does not come back. A command that was given up may be
 * carried out later all the same, so there is none here that must not be.
 */
export class RedisCommands {
  readonly #redis: RedisClient;
  readonly #clock: Clock;
  readonly #timeoutMs: number;

  constructor(deps: { redis: RedisClient; clock: Clock }, options: { commandTimeoutMs: number }) {
    this.#redis = deps.redis;
    this.#clock = deps.clock;
    this.#timeoutMs = options.commandTimeoutMs;
  }

  /** @param purpose - what fails when it fails, such as `claim message m-1`. @throws DispatchStoreError */
  async command(purpose: string, name: string, ...values: (string | number)[]): Promise<unknown> {
    try {
      return await this.#inTime(this.#redis.call(name, ...values));
    } catch (error) {
      throw asStoreError(purpose, error);
    }
  }

  /** Runs a script by its digest; sent whole where the server does not know it, as after a restart, a flush or a fail-over. @throws DispatchStoreError */
  async script(purpose: string, { source, sha }: Script, keys: readonly string[], values: readonly (string | number)[]): Promise<unknown> {
    try {
      return await this.#inTime(this.#redis.call('EVALSHA', sha, keys.length, ...keys, ...values));
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw asStoreError(purpose, error);
    }
    return this.command(purpose, 'EVAL', source, keys.length, ...keys, ...values);
  }

  async #inTime<T>(reply: Promise<T>): Promise<T> {
    let expire: (error: Error) => void = () => {};
    const expired = new Promise<never>((_, reject) => (expire = reject));
    const timer = this.#clock.setTimer(this.#timeoutMs, () => expire(new Error(`there was no reply within ${this.#timeoutMs} ms (commandTimeoutMs)`)));
    try {
      return await Promise.race([reply, expired]);
    } finally {
      timer.cancel();
    }
  }
}

/** Replies of a server that will take the same command later. */
const passing = /^(LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|BUSY |NOREPLICAS|MOVED |ASK |OOM )/;

/** Whatever is no reply of the server is a report of a connection: refused, reset, timed out. */
function asStoreError(purpose: string, error: unknown): DispatchStoreError {
  // The client notes the command on it, with its values: the password, when that is what is refused.
  if (error instanceof Error) delete (error as { command?: unknown }).command;
  const isRefused = error instanceof Error && error.name === 'ReplyError' && !passing.test(error.message);
  return new DispatchStoreError(purpose, { cause: error, retryable: !isRefused });
}
