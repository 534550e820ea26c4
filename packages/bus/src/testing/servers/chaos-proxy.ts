import { createServer, connect, type AddressInfo, type Socket } from 'node:net';

/**
 * What the proxy does with the next bytes.
 *
 * `cut-reply`: the request goes through, the reply is thrown away and the connection is reset. `half-open`: nothing moves any more in either direction and nobody is told.
 * `refuse`: new connections are reset.
 */
export type ProxyFault = 'none' | 'cut-reply' | 'half-open' | 'refuse';

/** A TCP proxy that breaks connections as networks do. */
export interface ChaosProxy {
  readonly port: number;
  /** Where new connections go: a port of this machine, or the path of a unix socket. Open ones stay where they are until `reset`, as after a fail-over. */
  target: number | string;
  /** Connections open now, and all ever made. */
  readonly open: number;
  readonly made: number;
  /** How many faults have struck. */
  readonly struck: number;
  /** Holds for connections that are open and those to come; `half-open` ends for new ones when it is set to something else. */
  fault: ProxyFault;
  /** Asked for each chunk of a reply while `fault` is `cut-reply`: should this one be cut? All are, when it is not given. */
  when: (reply: Buffer) => boolean;
  /** Delays every reply, in milliseconds. */
  delayMs: number;
  /** Resets all open connections. */
  reset(): void;
  close(): Promise<void>;
}

export async function chaosProxy(target: number | string): Promise<ChaosProxy> {
  const pairs = new Set<[Socket, Socket]>();
  let made = 0;
  let struck = 0;

  const server = createServer((client) => {
    made += 1;
    if (proxy.fault === 'refuse') {
      resetSocket(client);
      return;
    }
    const upstream = typeof proxy.target === 'number' ? connect(proxy.target, '127.0.0.1') : connect(proxy.target);
    const pair: [Socket, Socket] = [client, upstream];
    pairs.add(pair);
    let isDead = false;
    const held: Buffer[] = [];
    let heldUntil = 0;
    const end = () => {
      if (isDead) return; // a half-open connection says nothing, not even that it ended
      pairs.delete(pair);
      client.destroy();
      upstream.destroy();
    };
    const strike = () => {
      struck += 1;
      pairs.delete(pair);
      resetSocket(client);
      // What was asked has been read by the server: it is carried out, only the answer is lost.
      upstream.destroy();
    };
    const stallIfAsked = () => {
      if (proxy.fault === 'half-open' && !isDead) {
        isDead = true;
        struck += 1;
      }
      return isDead;
    };
    client.setNoDelay(true);
    upstream.setNoDelay(true);
    client.on('data', (chunk) => {
      if (!stallIfAsked()) upstream.write(chunk);
    });
    upstream.on('data', (chunk) => {
      if (stallIfAsked()) return;
      if (proxy.fault === 'cut-reply' && proxy.when(chunk)) {
        strike();
        return;
      }
      const waitMs = Math.max(proxy.delayMs, heldUntil - Date.now());
      if (waitMs <= 0 && held.length === 0) {
        client.write(chunk);
        return;
      }
      // In order, also when the delay becomes shorter: a connection never turns replies round.
      heldUntil = Date.now() + waitMs;
      held.push(chunk);
      setTimeout(() => client.write(held.shift() ?? ''), waitMs);
    });
    for (const socket of pair) socket.on('close', end).on('error', end);
  });

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy: ChaosProxy = {
    port: (server.address() as AddressInfo).port,
    target,
    get open() {
      return pairs.size;
    },
    get made() {
      return made;
    },
    get struck() {
      return struck;
    },
    fault: 'none',
    when: () => true,
    delayMs: 0,
    reset() {
      for (const [client, upstream] of pairs) {
        resetSocket(client);
        upstream.destroy();
      }
      pairs.clear();
    },
    async close() {
      this.reset();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
    },
  };
  return proxy;
}

/** Resets a connection. One that is being shut down is only closed: Node would keep it for good, and the process could not end. */
function resetSocket(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}
