import type { z } from 'zod';

export interface CallOptions {
  signal?: AbortSignal;
}

/** Values of a query string. */
export type Query = Record<string, string | number | undefined>;

/** One request below `/api/v1`, its answer read by its schema. @throws OrchestrationError */
export type ContractCall = <S extends z.ZodType>(schema: S, method: string, path: string, init?: { body?: unknown; query?: Query } & CallOptions) => Promise<z.output<S>>;
