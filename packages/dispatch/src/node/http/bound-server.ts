import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { Clock } from '@cortex-runtime/core';

import { ChannelStartError } from '../../errors.ts';
import type { HttpChannelSettings } from './http-channel-options.ts';

/** Connections beyond those that follow rooms or hand in messages. */
const spareConnections = 100;

/**
 * An HTTP server that can be started once, and closed at any time.
 *
 * States: created → `start` → listening → `close` → closed.
 */
export class BoundServer {
  readonly #server: Server;
  readonly #clock: Clock;
  readonly #settings: HttpChannelSettings;
  /** Answers that are under way. */
  #open = 0;
  #onQuiet: () => void = () => {};
  #address: Promise<{ host: string; port: number; url: string }> | undefined;

  constructor(clock: Clock, settings: HttpChannelSettings, listener: RequestListener) {
    this.#clock = clock;
    this.#settings = settings;
    const { headersTimeoutMs, requestTimeoutMs } = settings;
    this.#server = createServer({
      headersTimeout: headersTimeoutMs, requestTimeout: requestTimeoutMs, connectionsCheckingInterval: Math.min(headersTimeoutMs, 1_000), maxHeaderSize: 32 * 1024, noDelay: true,
    }, (request, response) => {
      this.#open += 1;
      response.once('close', () => {
        this.#open -= 1;
        if (this.#open === 0) this.#onQuiet();
      });
      listener(request, response);
    });
    this.#server.maxConnections = settings.maxClients + settings.maxPendingMessages + spareConnections;
  }

  /** @throws ChannelStartError when the address can not be bound */
  start(): Promise<{ host: string; port: number; url: string }> {
    this.#address ??= this.#bind();
    return this.#address;
  }

  /** Takes no new connection, waits for requests that are being answered, at most `closeGraceMs`, and ends the rest. */
  async close(): Promise<void> {
    if (this.#address === undefined) return;
    await this.#address.catch(() => {});
    if (!this.#server.listening) return;
    // Connections on which nothing was ever asked, as browsers open them in advance, do not count as idle for Node: they go when the last answer has gone.
    const endAll = () => this.#server.closeAllConnections();
    this.#onQuiet = endAll;
    const grace = this.#clock.setTimer(this.#settings.closeGraceMs, endAll);
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      if (this.#open === 0) endAll();
    });
    grace.cancel();
  }

  async #bind(): Promise<{ host: string; port: number; url: string }> {
    const { host, port } = this.#settings;
    try {
      await new Promise<void>((resolve, reject) => {
        this.#server.once('error', reject);
        this.#server.listen({ host, port }, () => resolve());
      });
    } catch (error) {
      throw new ChannelStartError(`the HTTP channel can not listen on ${host}:${port}`, { cause: error });
    }
    const bound = (this.#server.address() as AddressInfo).port;
    const shown = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '[::1]' : host.includes(':') ? `[${host}]` : host;
    return { host, port: bound, url: `http://${shown}:${bound}` };
  }
}
