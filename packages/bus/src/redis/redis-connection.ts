import { setMaxListeners } from 'node:events';

import { describeError, jitteredBackoffMs, sleep, type Clock, type Logger, type Random } from '@cortex-runtime/core';
import { Cluster, Redis, type RedisOptions } from 'ioredis';

import type { BusSettings } from '../config/index.ts';
import { BusClosedError, BusConnectionError, BusError, BusFullError } from '../errors.ts';
import type { Script } from './script.ts';

export interface ConnectionDependencies {
  clock: Clock;
  random: Random;
  logger: Logger;
  onDisconnect(connection: string, error: string): void;
}

type Client = Redis | Cluster;
/** A reply as the client gives it: texts, numbers, buffers, nested. */
export type Reply = string | number | Buffer | null | Reply[];

const backoff = { baseMs: 50, maxMs: 1_000 };

/**
 * One connection that repeats what fails on it.
 *
 * The client's own repetition is switched off: it sends commands again after a lost reply without knowing that they were applied. Here every operation says, through
 * `attempt`, that it may have been applied already. A command without a reply in time costs the connection: nothing on a stalled socket would arrive either.
 */
export class RedisConnection {
  readonly name: string;
  readonly #deps: ConnectionDependencies;
  readonly #settings: BusSettings;
  readonly #abort = new AbortController();
  #client: Client | undefined;
  #prepared: Promise<void> | undefined;
  /** What the client last said is wrong with the connection, until something comes back on it: a command that fails with it does not say. */
  #trouble: string | undefined;
  /** Digests of scripts that the server of a client has from it. */
  readonly #knownScripts = new WeakMap<Client, Set<string>>();
  readonly #prepare: (run: (args: readonly (string | number)[]) => Promise<Reply>) => Promise<void>;

  /** @param prepare - runs once on every new connection before anything else */
  constructor(deps: ConnectionDependencies, settings: BusSettings, name: string, prepare: (run: (args: readonly (string | number)[]) => Promise<Reply>) => Promise<void> = async () => {}) {
    this.#deps = deps;
    this.#settings = settings;
    this.name = name;
    this.#prepare = prepare;
    setMaxListeners(0, this.#abort.signal); // one for each operation that is repeated
  }

  /** Sends one command and waits for its reply, once. */
  async command(args: readonly (string | number | Buffer)[], options: { timeoutMs?: number; asBuffer?: boolean } = {}): Promise<Reply> {
    const client = await this.#ready();
    return this.#reply(client, args, options.timeoutMs ?? this.#settings.socketTimeoutMs, options.asBuffer === true);
  }

  /**
   * Runs a script by its digest, loading it where the server does not have it (after a restart, a flush of scripts, a fail-over).
   */
  async script(script: Script, keys: readonly (string | Buffer)[], args: readonly (string | number | Buffer)[], options: { asBuffer?: boolean } = {}): Promise<Reply> {
    try {
      return await this.command(['EVALSHA', script.sha, keys.length, ...keys, ...args], options);
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      return this.command(['EVAL', script.source, keys.length, ...keys, ...args], options);
    }
  }

  /**
   * As `script`, with a command that goes out right behind it, and sees what it has written. When the script has to be loaded, both are sent again.
   *
   * @returns both replies
   */
  async scriptThen(script: Script, keys: readonly string[], args: readonly (string | number | Buffer)[], next: readonly (string | number)[]): Promise<[Reply, Reply]> {
    const both = async (isKnown: boolean): Promise<[Reply, Reply]> => {
      const first = this.command([isKnown ? 'EVALSHA' : 'EVAL', isKnown ? script.sha : script.source, keys.length, ...keys, ...args]);
      const second = this.command(next);
      // When both fail, the first failure is the telling one. What is sent again would wait behind the second, in time that is its own.
      await Promise.allSettled([first, second]);
      return [await first, await second];
    };
    const client = await this.#ready();
    const known = this.#knownScripts.get(client) ?? new Set();
    this.#knownScripts.set(client, known);
    try {
      // A script that has to be sent twice would let the first question be asked before anything was written, and wait for nothing.
      const replies = await both(known.has(script.sha));
      known.add(script.sha);
      return replies;
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      return both(false);
    }
  }

  /**
   * Repeats `work` through lost connections, restarts and fail-overs.
   *
   * @param work - `attempt` is 1 the first time; later, an earlier attempt may have been applied
   * @throws BusConnectionError when `operationTimeoutMs` is over; BusError with what the server says when it refuses for good (a full one: see `asFull`)
   */
  async persist<T>(operation: string, work: (attempt: number) => Promise<T>): Promise<T> {
    const until = this.#deps.clock.monotonic() + this.#settings.operationTimeoutMs;
    for (let attempt = 1; ; attempt += 1) {
      if (this.#abort.signal.aborted) throw new BusClosedError();
      try {
        return await work(attempt);
      } catch (error) {
        if (this.#abort.signal.aborted) throw new BusClosedError('the bus', { cause: error });
        if (!isPassing(error)) throw asBusError(operation, error);
        const waitMs = jitteredBackoffMs(attempt, backoff, this.#deps.random);
        if (this.#deps.clock.monotonic() + waitMs >= until) {
          const why = this.#trouble === undefined ? '' : ` (${this.#trouble})`;
          throw new BusConnectionError(operation, `no answer within ${this.#settings.operationTimeoutMs} ms${why}`, { cause: error });
        }
        await sleep(this.#deps.clock, waitMs, this.#abort.signal).catch(() => {});
      }
    }
  }

  get isClosed(): boolean {
    return this.#abort.signal.aborted;
  }

  /** Gives the connection up; the next command makes a new one. Waiting commands fail. */
  drop(reason: string): void {
    const client = this.#client;
    if (client === undefined) return;
    this.#client = undefined;
    this.#prepared = undefined;
    if (!this.isClosed) this.#deps.onDisconnect(this.name, reason);
    client.disconnect();
  }

  close(): void {
    this.#abort.abort(new BusClosedError());
    this.drop('closed');
  }

  /** The client itself, for pub/sub. */
  async client(): Promise<Client> {
    return this.#ready();
  }

  async #ready(): Promise<Client> {
    if (this.isClosed) throw new BusClosedError();
    if (this.#client === undefined) {
      const client = openClient(this.#settings);
      this.#client = client;
      client.on('error', (error: Error) => {
        this.#trouble = describeError(error);
        this.#deps.logger.debug({ connection: this.name, error: this.#trouble }, 'redis connection error');
      });
      client.on('close', () => {
        if (this.#client === client) this.drop(this.#trouble === undefined ? 'the connection was closed' : `the connection was closed: ${this.#trouble}`);
      });
      this.#prepared = this.#prepare((args) => this.#reply(client, args, this.#settings.socketTimeoutMs, false));
    }
    const client = this.#client;
    try {
      await this.#prepared;
    } catch (error) {
      // What was wrong with the server may be right when it is asked again.
      if (this.#client === client) this.drop(describeError(error));
      throw error;
    }
    if (this.isClosed) throw new BusClosedError();
    return client;
  }

  #reply(client: Client, args: readonly (string | number | Buffer)[], timeoutMs: number, asBuffer: boolean): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const timer = this.#deps.clock.setTimer(timeoutMs, () => {
        reject(new BusConnectionError(String(args[0]), `no reply within ${timeoutMs} ms`));
        if (this.#client === client) this.drop(`no reply to ${String(args[0])} within ${timeoutMs} ms`);
      });
      const [name, ...rest] = args as [string, ...(string | number | Buffer)[]];
      (asBuffer ? client.callBuffer(name, rest) : client.call(name, rest)).then(
        (reply) => {
          timer.cancel();
          this.#trouble = undefined;
          resolve(reply as Reply);
        },
        (error: Error) => {
          timer.cancel();
          reject(withoutCommand(error));
        },
      );
    });
  }
}

/** Errors of the server that go away without the caller doing anything. */
const passing = /^(LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|BUSY |UNBLOCKED|NOREPLICAS|MOVED|ASK )/;

/** May the same command succeed later, on this or a new connection? */
export function isPassing(error: unknown): boolean {
  if (error instanceof BusConnectionError) return true;
  if (!(error instanceof Error) || error instanceof BusClosedError) return false;
  if (error.name === 'ReplyError') return passing.test(error.message);
  // Whatever is no reply of the server is the client's report of a broken connection: ECONNRESET, "Connection is closed.", MaxRetriesPerRequestError …
  return !('code' in error && typeof error.code === 'string' && error.code.startsWith('BUS_')) && !(error instanceof TypeError) && !(error instanceof RangeError);
}

/**
 * The client notes on an error of the server which command it answers, with all of its values: what was published, and the password when that is what is refused. None of it
 * belongs where errors are shown.
 */
function withoutCommand(error: Error): Error {
  delete (error as { command?: unknown }).command;
  return error;
}

/** What the client reports, as an error of ours: callers know no other. */
export function asBusError(operation: string, error: unknown): unknown {
  if (error instanceof BusError || !(error instanceof Error)) return error;
  if (isPassing(error)) return new BusConnectionError(operation, error.message, { cause: error });
  if (error.name !== 'ReplyError') return error;
  const advice = /^(WRONGPASS|NOAUTH|NOPERM)/.test(error.message) ? '; check user name and password, and what this user may do' : '';
  return new BusError(`${operation}: the Redis server refused it (${error.message})${advice}`, { cause: error });
}

/** A full or memory-bound server is the caller's to wait for. */
export function asFull(stream: string, error: unknown): unknown {
  return isFull(error) ? new BusFullError(stream, 'the Redis server has reached maxmemory', { cause: error }) : error;
}

export function isFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error.message.startsWith('OOM') || isFull(error.cause);
}

function openClient(settings: BusSettings): Client {
  const { cluster, url, sentinel, username, password, db, host, port } = settings;
  const common: BaseOptions = {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(settings.tls === false ? {} : { tls: settings.tls === true ? {} : tlsOptions(settings.tls) }),
    connectTimeout: settings.socketTimeoutMs,
    keepAlive: settings.healthCheckIntervalMs,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    enableReadyCheck: false,
    disconnectTimeout: 500,
    // Reply shapes do not depend on the server's version.
    protocol: 2,
  };
  if (cluster !== undefined) {
    return new Cluster(cluster.nodes, { redisOptions: common, clusterRetryStrategy: () => null, enableReadyCheck: false, slotsRefreshTimeout: settings.socketTimeoutMs });
  }
  // A new connection is made by the next command, so that what runs on it knows that it is new.
  const single = { ...common, retryStrategy: null };
  if (url?.startsWith('unix://') === true) return new Redis({ ...single, path: url.slice('unix://'.length), db });
  if (url !== undefined) return new Redis(url, single);
  if (sentinel !== undefined) {
    const credentials = {
      ...(sentinel.username === undefined ? {} : { sentinelUsername: sentinel.username }),
      ...(sentinel.password === undefined ? {} : { sentinelPassword: sentinel.password }),
    };
    return new Redis({ ...single, ...credentials, db, name: sentinel.name, sentinels: sentinel.nodes, sentinelRetryStrategy: () => null });
  }
  return new Redis({ ...single, host, port, db });
}

type BaseOptions = Pick<
  RedisOptions & { replyMapping?: never },
  'connectTimeout' | 'keepAlive' | 'maxRetriesPerRequest' | 'autoResendUnfulfilledCommands' | 'autoResubscribe' | 'enableReadyCheck' | 'disconnectTimeout' | 'username' | 'password' | 'tls'
> & { protocol: 2 };

function tlsOptions({ ca, cert, key, servername, rejectUnauthorized }: Exclude<BusSettings['tls'], boolean>): NonNullable<RedisOptions['tls']> {
  return {
    rejectUnauthorized,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(servername === undefined ? {} : { servername }),
  };
}
