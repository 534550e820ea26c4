/** Outgoing network calls below the edge. */
export interface Net {
  /** As the global `fetch`. */
  fetch(input: string | URL | Request, init?: RequestInit): Promise<Response>;
  /** The addresses of a host name; rejects when it has none. */
  lookup(hostname: string): Promise<readonly NetAddress[]>;
}

export interface NetAddress {
  address: string;
  family: 4 | 6;
}
