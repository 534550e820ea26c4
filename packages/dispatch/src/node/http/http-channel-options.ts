import { isLoopback, type Clock, type IdGenerator, type Logger, type Random } from '@cortex-runtime/core';
import { z } from 'zod';

export interface HttpChannelDependencies {
  clock: Clock;
  random: Random;
  createId: IdGenerator;
  logger?: Logger;
}

/** Where the channel is served, to whom, and how much of anything it holds. */
export const HttpChannelOptions = z.strictObject({
  /** Name of the channel. */
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, 'must be 1 to 100 letters, digits, ".", "_" or "-" and start with a letter or digit').default('http'),
  host: z.string().min(1).default('127.0.0.1'),
  /** 0 picks a free one. */
  port: z.int().min(0).max(65_535).default(0),
  /** Bearer token of everything but `/health`. */
  token: z.string().min(16, 'must have at least 16 characters').optional(),
  /** Serves without a token. Only where the host is a loopback address: everybody on this machine can write then. */
  allowUnauthenticated: z.boolean().default(false),
  /** Further names that requests may carry as `Host` and `Origin` on a loopback address, such as the one of a tunnel. */
  allowedHosts: z.array(z.string().min(1)).default([]),
  maxBodyBytes: z.int().min(1).default(1024 * 1024),
  /** Messages that are being taken at once; more are asked to come later. */
  maxPendingMessages: z.int().min(1).default(256),
  /** Clients that follow rooms at once. */
  maxClients: z.int().min(1).default(1_000),
  /** Rooms that are remembered; the longest unused that nobody follows makes way. */
  maxRooms: z.int().min(1).default(1_000),
  /** Events of each room that are kept for clients that come back. */
  keptEvents: z.int().min(1).default(1_000),
  /** Bytes of them. The newest event is kept whatever its size. */
  keptBytes: z.int().min(1_024).default(1024 * 1024),
  /** Bytes of the events of all rooms; the longest unused rooms are forgotten first. */
  maxHistoryBytes: z.int().min(1_024).default(64 * 1024 * 1024),
  /** Bytes that a client may be behind before it is cut off; it goes on with `Last-Event-ID`. */
  maxBehindBytes: z.int().min(1_024).default(512 * 1024),
  /** Milliseconds between two signs of life on a quiet stream. A client that takes none of three is cut off. */
  heartbeatMs: z.int().min(1).default(15_000),
  /** Milliseconds in which the headers of a request must have come. */
  headersTimeoutMs: z.int().min(1).default(10_000),
  /** Milliseconds in which a whole request must have come. */
  requestTimeoutMs: z.int().min(1).default(30_000),
  /** Milliseconds that closing waits for messages that are being taken. */
  closeGraceMs: z.int().min(0).default(5_000),
}).superRefine(({ token, allowUnauthenticated, host }, context) => {
  if (token !== undefined) return;
  if (!allowUnauthenticated) context.addIssue({ code: 'custom', path: ['token'], message: 'is needed; or choose allowUnauthenticated, on a loopback address' });
  else if (!isLoopback(host)) context.addIssue({ code: 'custom', path: ['allowUnauthenticated'], message: `is for loopback addresses only, and ${JSON.stringify(host)} is none; give a token` });
});
export type HttpChannelOptions = z.input<typeof HttpChannelOptions>;
export type HttpChannelSettings = z.output<typeof HttpChannelOptions>;
