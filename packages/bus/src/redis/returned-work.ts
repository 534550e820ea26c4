import { describeError, sleep, type Clock, type Logger } from '@cortex-runtime/core';
import type { Redis } from 'ioredis';

import type { ConnectionPool } from './connection-pool.ts';
import type { RedisConnection } from './redis-connection.ts';
import type { RedisNames } from './redis-names.ts';

export interface ReturnedWorkDependencies {
  clock: Clock;
  logger: Logger;
  names: RedisNames;
  commands: RedisConnection;
  pool: ConnectionPool;
}

/** Who is told. */
export interface ReturnedWorkHost {
  /** From now on it is told; before, it may have missed something. */
  listens(): void;
  look(stream: string, group: string): Promise<void>;
  revoked(stream: string, msgId: string): void;
}

/** Stands in the place of the group. No group has this name. */
const revokedWord = '~revoked';

/** Who gave work back waits this long before taking it again, so that others come first. */
const afterOthersMs = 100;
/** Who ends waits this long for the server to take its last word. */
const lastWordMs = 500;

/**
 * Tells other processes that work was given back or revoked, and hears of theirs, so that it is taken up or left off at once and not when the stream is looked
 * through for abandoned work. Only a hint: a lost one costs time, no work.
 */
export class ReturnedWork {
  readonly #deps: ReturnedWorkDependencies;
  readonly #busId: string;
  readonly #host: ReturnedWorkHost;
  #connection: RedisConnection | undefined;

  constructor(deps: ReturnedWorkDependencies, busId: string, host: ReturnedWorkHost) {
    this.#deps = deps;
    this.#busId = busId;
    this.#host = host;
  }

  announce(stream: string, group: string): void {
    this.tellOthers(stream, group);
    this.#deps.clock.setTimer(afterOthersMs, () => void this.#host.look(stream, group), { keepAlive: false });
  }

  /** For who does not want it, and will not be there when it is due: others learn with their look when that is. */
  async tellBeforeTheEnd(stream: string, group: string): Promise<void> {
    await this.#publish(stream, group, { timeoutMs: lastWordMs }).catch(() => {});
  }

  /** For who does not want it. */
  tellOthers(stream: string, group: string): void {
    void this.#deps.commands.persist('tell that work was given back', () => this.#publish(stream, group)).catch(() => {});
  }

  #publish(stream: string, group: string, options: { timeoutMs?: number } = {}): Promise<unknown> {
    const { commands, names } = this.#deps;
    return commands.command(['PUBLISH', names.returned, `${this.#busId} ${group} ${stream}`], options);
  }

  announceRevoked(stream: string, msgId: string): void {
    const { commands, names } = this.#deps;
    void commands.command(['PUBLISH', names.returned, `${this.#busId} ${revokedWord} ${stream} ${msgId}`]).catch(() => {});
  }

  listen(): void {
    if (this.#connection !== undefined) return;
    this.#connection = this.#deps.pool.open('returned work');
    void this.#listen(this.#connection);
  }

  async #listen(connection: RedisConnection): Promise<void> {
    const { clock, logger, names } = this.#deps;
    while (!connection.isClosed) {
      try {
        // A Cluster client subscribes and emits as a single one does.
        const client = (await connection.client()) as Redis;
        const closed = new Promise<void>((resolve) => client.once('close', resolve));
        client.on('message', (_channel: string, message: string) => {
          const [busId, group = '', stream = '', msgId = ''] = message.split(' ');
          if (busId === this.#busId) return;
          if (group === revokedWord) this.#host.revoked(stream, msgId);
          else void this.#host.look(stream, group);
        });
        await client.subscribe(names.returned);
        this.#host.listens();
        await closed;
      } catch (error) {
        logger.debug({ error: describeError(error) }, 'listening for returned work failed; it is tried again');
      }
      if (!connection.isClosed) await sleep(clock, 500).catch(() => {});
    }
  }
}
