/** A request as it came in: the raw bytes matter, signatures are over them. */
export interface WebhookRequest {
  method: string;
  /** Path without the query. */
  path: string;
  query: Readonly<Record<string, string>>;
  /** Lower-case names. A repeated header is joined with `, `. */
  headers: Readonly<Record<string, string>>;
  body: Uint8Array;
  /** Address of the caller, after the server has applied its trusted-proxy rules. */
  remote: string;
}

export interface WebhookResponse {
  status: number;
  headers?: Record<string, string>;
  body: Record<string, unknown>;
}

/** Answers one request; resolves only when the event is durable or refused. Never rejects. */
export type WebhookHandler = (request: WebhookRequest) => Promise<WebhookResponse>;

/**
 * The table of the host's webhooks, served under `/hooks/{process}{webhook_path}` by the one HTTP server.
 * Triggers add themselves; the server looks up.
 */
export interface WebhookRoutes {
  /**
   * @returns removes the route
   * @throws TriggerError when the process has a webhook with this path already
   */
  add(route: WebhookRoute): () => void;
  find(processName: string, path: string): WebhookRoute | undefined;
}

export interface WebhookRoute {
  processName: string;
  /** Begins with a slash. */
  path: string;
  /** The server refuses larger bodies with 413 before they are read. */
  maxBodyBytes: number;
  handle: WebhookHandler;
}
