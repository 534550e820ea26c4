import type { ServerResponse } from 'node:http';

/**
 * Writes server-sent events to one client, holding back at most `maxBufferedBytes` for a slow one. A client that falls further behind is cut off: it
 * comes back with `Last-Event-ID`.
 */
export class SseWriter {
  readonly #response: ServerResponse;
  readonly #maxBufferedBytes: number;

  constructor(response: ServerResponse, options: { maxBufferedBytes: number; headers?: Record<string, string> }) {
    this.#response = response;
    this.#maxBufferedBytes = options.maxBufferedBytes;
    response.writeHead(200, {
      ...options.headers,
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    response.write(': connected\n\n');
  }

  /** JSON keeps every event on one `data` line, whatever is in it. */
  send(event: string, data: unknown, id?: string): void {
    this.#write(`${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  /** Keeps proxies from closing a quiet stream. */
  beat(): void {
    this.#write(': beat\n\n');
  }

  end(): void {
    this.#response.end();
  }

  #write(text: string): void {
    if (this.#response.destroyed || this.#response.writableEnded) return;
    if (this.#response.writableLength + text.length > this.#maxBufferedBytes) {
      this.#response.destroy();
      return;
    }
    this.#response.write(text);
  }
}
