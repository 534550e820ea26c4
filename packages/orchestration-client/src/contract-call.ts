import type { z } from 'zod';

export interface CallOptions {
  signal?: AbortSignal;
}

/** Values of a query string. */
export type Query = Record<string, string | number | undefined>;

interface CallInit extends CallOptions {
  body?: unknown;
  query?: Query;
  /** Milliseconds that the host was asked to wait; the request may take so much longer. */
  waitMs?: number;
}

/** One request below `/api/v1`, its answer read by its schema. @throws OrchestrationError */
export type ContractCall = <S extends z.ZodType>(schema: S, method: string, path: string, init?: CallInit) => Promise<z.output<S>>;
