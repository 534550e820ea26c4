import type { BusSettings } from '../config/index.ts';
import { BusError } from '../errors.ts';
import { RedisConnection, type ConnectionDependencies, type Reply } from './redis-connection.ts';

/** All connections of one bus, never more than `maxConnections`. */
export class ConnectionPool {
  readonly #deps: ConnectionDependencies;
  readonly #settings: BusSettings;
  readonly #open = new Set<RedisConnection>();
  readonly #idle: RedisConnection[] = [];

  constructor(deps: ConnectionDependencies, settings: BusSettings) {
    this.#deps = deps;
    this.#settings = settings;
  }

  get size(): number {
    for (const connection of this.#open) if (connection.isClosed) this.#open.delete(connection);
    return this.#open.size;
  }

  /** @throws BusError when `maxConnections` are open */
  open(name: string, prepare?: (run: (args: readonly (string | number)[]) => Promise<Reply>) => Promise<void>): RedisConnection {
    if (this.size >= this.#settings.maxConnections) {
      throw new BusError(`the bus has ${this.#settings.maxConnections} connections open and needs another for ${name}; raise maxConnections, or use fewer groups and blocking reads at once`);
    }
    const connection = new RedisConnection(this.#deps, this.#settings, name, prepare);
    this.#open.add(connection);
    return connection;
  }

  /** A connection for one command that may block, while it does. */
  async borrow<T>(work: (connection: RedisConnection) => Promise<T>): Promise<T> {
    const connection = this.#idle.pop() ?? this.open('blocking read');
    try {
      return await work(connection);
    } finally {
      if (!connection.isClosed) this.#idle.push(connection);
    }
  }

  close(): void {
    for (const connection of this.#open) connection.close();
    this.#open.clear();
    this.#idle.length = 0;
  }
}
