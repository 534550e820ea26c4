import { InvalidInputError, parseDocument, toDocument } from '@cortex-runtime/core';
import { describe, expect, it } from 'vitest';

import { BusConfig, busConfigFromEnvironment } from './index.ts';

describe('BusConfig', () => {
  it('has the defaults of the Python library', () => {
    expect(BusConfig.parse({})).toMatchObject({
      host: 'localhost', port: 6379, db: 0, streamPrefix: 'cortex', consumerGroup: 'cortex-agents', maxConnections: 20, blockMs: 5_000, claimIdleMs: 30_000, readWatchdogMs: 60_000, maxRetries: 3,
      retryBackoffBaseMs: 1_000, socketTimeoutMs: 10_000, healthCheckIntervalMs: 30_000,
    });
  });

  it('reads documents with its names and units', () => {
    const settings = parseDocument(BusConfig, { block_ms: 1_000, claim_idle_ms: 20_000, read_watchdog_ms: 30_000, max_retries: 5, socket_timeout: 2, retry_backoff_base: '500ms', health_check_interval: 15, stream_prefix: 'cortex:acme' });
    expect(settings).toMatchObject({ blockMs: 1_000, claimIdleMs: 20_000, readWatchdogMs: 30_000, maxRetries: 5, socketTimeoutMs: 2_000, retryBackoffBaseMs: 500, healthCheckIntervalMs: 15_000 });
    expect(toDocument(BusConfig, settings)).toMatchObject({ block_ms: 1_000, socket_timeout: 2 });
  });

  // Weakness 17 (E13): a watchdog shorter than the wait made every idle read fail.
  it('refuses times that contradict each other', () => {
    expect(() => BusConfig.parse({ blockMs: 60_000 })).toThrow(/readWatchdogMs|every idle read/);
    expect(() => BusConfig.parse({ claimIdleMs: 1_000, leaseMs: 5_000 })).toThrow(/leaseMs/);
    expect(() => BusConfig.parse({ cluster: { nodes: [{ host: 'a' }] }, db: 1 })).toThrow(/cluster/);
    expect(() => BusConfig.parse({ url: 'http://localhost' })).toThrow(/redis:/);
    expect(() => BusConfig.parse({ blok_ms: 1 } as BusConfig)).toThrow();
  });

  it('comes from the environment', () => {
    expect(busConfigFromEnvironment({ REDIS_HOST: 'r', REDIS_PORT: '6380', REDIS_PASSWORD: 'p', REDIS_SSL: 'true', CORTEX_ORG_ID: 'acme' })).toEqual({ host: 'r', port: 6380, password: 'p', tls: true, streamPrefix: 'cortex:acme' });
    expect(busConfigFromEnvironment({ CORTEX_REDIS_URL: 'rediss://r', REDIS_HOST: '' })).toEqual({ url: 'rediss://r', streamPrefix: 'cortex' });
    expect(() => busConfigFromEnvironment({ CORTEX_ORG_ID: ' ' })).toThrow(InvalidInputError);
    expect(() => busConfigFromEnvironment({ REDIS_SSL: 'perhaps' })).toThrow(/REDIS_SSL/);
    expect(() => busConfigFromEnvironment({ REDIS_PORT: 'x' })).toThrow(/REDIS_PORT/);
    expect(busConfigFromEnvironment({ CORTEX_REDIS_DURABILITY: 'strict' })).toMatchObject({ durability: 'strict' });
    expect(() => busConfigFromEnvironment({ CORTEX_REDIS_DURABILITY: 'high' })).toThrow(/CORTEX_REDIS_DURABILITY/);
  });
});
