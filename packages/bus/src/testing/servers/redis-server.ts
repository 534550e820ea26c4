import { spawn, type ChildProcess } from 'node:child_process';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

import { Redis } from 'ioredis';

export interface RedisServerOptions {
  /** More arguments, such as `--appendfsync always`; by default there is an append-only file, synced every second. */
  args?: readonly string[];
  /** First arguments, in the place of the usual settings: a configuration file, `--sentinel`. */
  settings?: readonly string[];
  /** A directory to start from again; a new one, removed at the end, when left out. */
  directory?: string;
  port?: number;
}

/** A redis-server of its own, on a free loopback port, with a directory of its own. */
export interface RedisServer {
  readonly port: number;
  readonly url: string;
  readonly directory: string;
  readonly pid: number;
  /** Whether it was started with an append-only file. */
  readonly keepsFile: boolean;
  /** A client without any of our settings. */
  client(): Redis;
  /** Sends SIGKILL, or another signal, and waits for the end; the directory stays until `stop`. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** SIGSTOP and SIGCONT. */
  pause(): void;
  resume(): void;
  /** Starts again on the same port and directory. */
  restart(args?: readonly string[]): Promise<void>;
  stop(): Promise<void>;
}

/** The path of redis-server, or undefined where there is none. */
export function findRedisServer(): string | undefined {
  for (const directory of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(directory, 'redis-server');
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // not here
    }
  }
  return undefined;
}

export async function redisServer(options: RedisServerOptions = {}): Promise<RedisServer> {
  const program = findRedisServer();
  if (program === undefined) throw new Error('no redis-server on the PATH: install Redis 7, or give TEST_REDIS_URL where a shared server will do');
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'redis-'));
  const port = options.port ?? (await freePort());
  const clients: Redis[] = [];
  let child: ChildProcess;
  let args = options.args ?? [];

  const start = async () => {
    const settings = options.settings ?? ['--save', '', '--appendonly', 'yes', '--daemonize', 'no', '--loglevel', 'warning'];
    child = spawn(program, [...settings, '--port', String(port), '--bind', '127.0.0.1', '--dir', directory, ...args], { stdio: 'ignore' });
    const probe = new Redis({ port, host: '127.0.0.1', retryStrategy: () => 20, maxRetriesPerRequest: null });
    probe.on('error', () => {});
    try {
      await new Promise<void>((resolve, reject) => {
        child.once('exit', (code) => reject(new Error(`redis-server ended with code ${String(code)} before it answered`)));
        probe.ping().then(() => resolve(), reject);
      });
    } finally {
      probe.disconnect();
    }
  };
  const kill = async (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGCONT');
    child.kill(signal);
    await ended;
  };

  await start();
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    directory,
    get keepsFile() {
      return args[args.lastIndexOf('--appendonly') + 1] !== 'no';
    },
    get pid() {
      return child.pid ?? 0;
    },
    client() {
      const client = new Redis({ port, host: '127.0.0.1', retryStrategy: () => 50 });
      client.on('error', () => {});
      clients.push(client);
      return client;
    },
    kill: (signal = 'SIGKILL') => kill(signal),
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    async restart(newArgs) {
      await kill('SIGKILL');
      args = newArgs ?? args;
      await start();
    },
    async stop() {
      for (const client of clients) client.disconnect();
      await kill('SIGKILL');
      if (options.directory === undefined) rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** A port of this machine that nothing listens on now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
