import type { Clock, Logger, Random } from '@cortex-runtime/core';
import type { WebhookRoutes } from '@cortex-runtime/triggers';
import { z } from 'zod';

import type { ServedMemory } from './served-memory.ts';
import type { ServedMesh } from './served-mesh.ts';
import type { ServedPlugins } from './served-plugins.ts';
import type { ServedRuntime } from './served-runtime.ts';
import type { ServedSessions } from './served-sessions.ts';

/** What the server works with. */
export interface ServerDependencies {
  runtime: ServedRuntime;
  /** Typed memory; without it there is nothing below `/memory`. */
  memory?: ServedMemory;
  /** Conversations; without them there is nothing at `/runtime/sessions`. */
  sessions?: ServedSessions;
  /** Plugins and approvals; absent when there are none. */
  plugins?: ServedPlugins;
  /** The mesh that the host is part of; without it there is nothing at `/mesh`, `/tasks`, `/events` and `/topics`. */
  mesh?: ServedMesh;
  webhookRoutes: WebhookRoutes;
  clock: Clock;
  random: Random;
  logger: Logger;
  /** Where the host is in its life; unready hosts refuse webhooks that they do not know yet with 503 instead of 404. */
  phase: () => 'starting' | 'ready' | 'draining';
  /** Asked by `POST /runtime/shutdown`, after its answer was sent. */
  requestShutdown: () => void;
  /** The newest lines of the host's log; absent when there is none. */
  readLogs?: (query: { limit: number; after?: string; process?: string }) => Promise<{ lines: object[]; cursor: string }>;
}

export const ServerOptions = z.strictObject({
  /** Bearer token of the API. */
  token: z.string().min(16, 'must have at least 16 characters; nothing is served without a token'),
  /** Further names that requests may carry as `Host` on a loopback bind, such as the one of a tunnel. */
  allowedHosts: z.array(z.string().min(1)).default([]),
  /** Addresses or CIDR ranges whose `X-Forwarded-For` is believed. */
  trustedProxies: z.array(z.string().min(1)).default([]),
  /** What a 202 means: `standard`, synced to disk, or `memory`. */
  durability: z.enum(['standard', 'memory']).default('standard'),
  /** Bytes of a body of the API; webhooks have limits of their own. */
  maxBodyBytes: z.int().min(1).default(1024 * 1024),
  /** Milliseconds in which the headers of a request must have come. */
  headersTimeoutMs: z.int().min(1).default(10_000),
  /** Milliseconds in which a whole request must have come. */
  requestTimeoutMs: z.int().min(1).default(30_000),
  /** Milliseconds that closing waits for connections to end by themselves. */
  closeGraceMs: z.int().min(0).default(5_000),
  /** Bytes that are held back for a slow client of a stream before it is cut off. */
  maxStreamBufferBytes: z.int().min(1_024).default(1024 * 1024),
  /** Updates of each process that are kept for clients that come back. */
  keptUpdates: z.int().min(0).default(1_000),
  /** Milliseconds between two signs of life on a quiet stream. */
  streamBeatMs: z.int().min(1).default(15_000),
});
export type ServerOptions = z.input<typeof ServerOptions>;
export type ServerSettings = z.output<typeof ServerOptions>;
