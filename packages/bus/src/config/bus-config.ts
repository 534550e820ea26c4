import { duration } from '@cortex-runtime/core';
import { z } from 'zod';

const node = z.strictObject({
  host: z.string().min(1),
  port: z.int().min(1).max(65_535).default(6379),
});

/** What an accepted message survives; see the package's README. */
export const DurabilityClass = z.enum(['memory', 'standard', 'strict']);
export type DurabilityClass = z.output<typeof DurabilityClass>;

/** How a bus reaches its broker and how it delivers. The memory bus reads only the fields about delivery. */
export const BusConfig = z
  .strictObject({
    url: z.string().regex(/^(rediss?|unix):\/\//, 'must start with redis://, rediss:// or unix://').optional().describe('Address of the server; wins over host, port, username, password, db and tls.'),
    host: z.string().min(1).default('localhost').describe('REDIS_HOST.'),
    port: z.int().min(1).max(65_535).default(6379).describe('REDIS_PORT.'),
    username: z.string().min(1).optional().describe('REDIS_USERNAME.'),
    password: z.string().optional().describe('REDIS_PASSWORD.'),
    db: z.int().min(0).default(0).describe('Number of the database.'),
    tls: z
      .union([z.boolean(), z.strictObject({ ca: z.string().optional(), cert: z.string().optional(), key: z.string().optional(), servername: z.string().optional(), rejectUnauthorized: z.boolean().default(true) })])
      .default(false)
      .describe('Speak TLS (REDIS_SSL); certificates in PEM.'),
    sentinel: z.strictObject({ name: z.string().min(1), nodes: z.array(node).min(1), username: z.string().optional(), password: z.string().optional() }).optional().describe('Find the primary through Redis Sentinel.'),
    cluster: z.strictObject({ nodes: z.array(node).min(1) }).optional().describe('Redis Cluster; all keys of one stream share a slot.'),
    streamPrefix: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9:_-]{0,127}$/).default('cortex').describe('First part of every key; CORTEX_ORG_ID makes it cortex:<org>.'),
    consumerGroup: z.string().min(1).max(256).default('cortex-agents').describe('Group of consumers that name none.'),
    maxConnections: z.int().min(3).default(20).describe('Connections of this process to the broker.'),
    retryBackoffBaseMs: duration('s', { check: (ms) => ms.min(1) }).default(1_000).describe('Wait before the first redelivery of a failed message; doubles each time.'),
    retryBackoffMaxMs: duration('s', { check: (ms) => ms.min(1) }).default(60_000).describe('Longest wait before a redelivery.'),
    socketTimeoutMs: duration('s', { check: (ms) => ms.min(50) }).default(10_000).describe('A command without a reply for this long is taken for lost.'),
    operationTimeoutMs: duration('s', { check: (ms) => ms.min(50) }).default(30_000).describe('An operation gives up after this long, its repetitions included.'),
    healthCheckIntervalMs: duration('s', { check: (ms) => ms.min(1_000) }).default(30_000).describe('Idle time before TCP keep-alive probes.'),
    blockMs: duration('ms', { check: (ms) => ms.min(10), name: 'block_ms' }).default(5_000).describe('One waiting read lasts this long.'),
    claimIdleMs: duration('ms', { check: (ms) => ms.min(10), name: 'claim_idle_ms' }).default(30_000).describe('Work of a consumer that does not renew leases (another library, readGroup) is taken over after this long.'),
    leaseMs: duration('ms', { check: (ms) => ms.min(100), name: 'lease_ms' }).default(5_000).describe('Work of a subscription whose process shows no life for this long is taken over; renewed at a third of it.'),
    sweepMs: duration('ms', { check: (ms) => ms.min(10), name: 'sweep_ms' }).default(2_000).describe('How often abandoned work is looked for.'),
    readWatchdogMs: duration('ms', { check: (ms) => ms.min(20), name: 'read_watchdog_ms' }).default(60_000).describe('No waiting read lasts longer than this, nor than twice block_ms; then its connection is given up.'),
    maxRetries: z.int().min(0).default(3).describe('Redeliveries of a message before it becomes a dead letter.'),
    maxLength: z.int().min(0).default(1_000).describe('Acknowledged messages kept per stream, at least.'),
    maxBacklog: z.int().min(1).default(1_000_000).describe('Unacknowledged messages per stream; beyond it publishing fails with BUS_FULL.'),
    dedupWindowMs: duration('s', { check: (ms) => ms.min(1) }).default(86_400_000).describe('How long a deduplication id is remembered.'),
    durability: DurabilityClass.default('standard').describe('memory: lost when the server ends; standard: the server keeps an append-only file; strict: appendfsync always, and replicas confirm each publish (CORTEX_REDIS_DURABILITY).'),
    confirmingReplicas: z.int().min(0).default(1).describe('Replicas that must confirm a publish in the strict class.'),
  })
  .superRefine((config, context) => {
    const wrong = (field: string, message: string) => context.addIssue({ code: 'custom', path: [field], message });
    if (config.readWatchdogMs <= config.blockMs) wrong('readWatchdogMs', `must be longer than blockMs (${config.blockMs} ms), or every idle read would be taken for a dead connection`);
    if (config.claimIdleMs < config.leaseMs) wrong('claimIdleMs', `must be at least leaseMs (${config.leaseMs} ms)`);
    if (config.durability === 'strict' && config.maxConnections < 4) wrong('maxConnections', 'must be at least 4 in the strict class, where signs of life have a connection of their own');
    if (config.cluster !== undefined && config.sentinel !== undefined) wrong('sentinel', 'can not be combined with cluster');
    if (config.cluster !== undefined && config.db !== 0) wrong('db', 'a cluster has only database 0');
  });

/** What callers write. */
export type BusConfig = z.input<typeof BusConfig>;
/** What the bus reads: complete and valid. */
export type BusSettings = z.output<typeof BusConfig>;
