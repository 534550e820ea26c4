import { describe, expect, it } from 'vitest';

import { HostConfigError, readHostConfig } from '../src/index.ts';

describe('readHostConfig', () => {
  it('has defaults for everything', () => {
    expect(readHostConfig({})).toEqual({
      host: '127.0.0.1', port: 8_000, dataDirectory: '.cortex', logLevel: 'info', allowedHosts: [], trustedProxies: [], hibernateAfterMs: 30_000, stopTimeoutMs: 60_000,
      memoryBackend: 'file', sessionBackend: 'file', sessionHotWindow: 20, sessionSummaryAfter: 50, sessionIdleAfterMs: 1_800_000,
    });
  });

  it('reads the environment, and flags above it', () => {
    const environment = { CORTEX_PORT: '9000', CORTEX_HOST: '', CORTEX_HIBERNATE_AFTER: '2m', CORTEX_ALLOWED_HOSTS: 'a.example, b.example', CORTEX_DATA_DIR: '/data' };
    expect(readHostConfig(environment, { port: '0' })).toMatchObject({ port: 0, host: '127.0.0.1', hibernateAfterMs: 120_000, allowedHosts: ['a.example', 'b.example'], dataDirectory: '/data' });
  });

  it('names what does not fit together, and repeats no password', () => {
    expect(() => readHostConfig({ CORTEX_MEMORY_BACKEND: 'postgres', CORTEX_SESSION_BACKEND: 'redis' })).toThrow('CORTEX_MEMORY_BACKEND is postgres, which needs CORTEX_DATABASE_URL; CORTEX_SESSION_BACKEND is redis, which needs CORTEX_REDIS_URL');
    expect(() => readHostConfig({ CORTEX_SESSION_BACKEND: 'postgres' })).toThrow('CORTEX_SESSION_BACKEND is postgres, which needs CORTEX_DATABASE_URL');
    expect(() => readHostConfig({ CORTEX_SESSION_HOT_WINDOW: '20', CORTEX_SESSION_SUMMARY_AFTER: '20' })).toThrow('CORTEX_SESSION_SUMMARY_AFTER must be above CORTEX_SESSION_HOT_WINDOW');
    expect(() => readHostConfig({ CORTEX_SESSION_BACKEND: 'sqlite' })).toThrow('CORTEX_SESSION_BACKEND must be file, redis or postgres, got "sqlite"');
    expect(() => readHostConfig({ CORTEX_DATABASE_URL: 'mysql://u:canary@h/d' })).toThrow(new HostConfigError('CORTEX_DATABASE_URL must begin with postgres://'));
    expect(() => readHostConfig({ CORTEX_REDIS_URL: 'http://u:canary@h' })).toThrow(new HostConfigError('CORTEX_REDIS_URL must begin with redis://, rediss:// or unix://'));
    expect(readHostConfig({ CORTEX_SESSION_IDLE_AFTER: '5m', CORTEX_SESSION_HOT_WINDOW: '4', CORTEX_DATABASE_URL: 'postgres://h/d', CORTEX_MEMORY_BACKEND: 'postgres', CORTEX_MEMORY_PATH: '~/m' })).toMatchObject({ sessionIdleAfterMs: 300_000, sessionHotWindow: 4, memoryBackend: 'postgres', memoryPath: '~/m' });
  });

  it('names the variable or the flag that is wrong', () => {
    expect(() => readHostConfig({ CORTEX_PORT: 'many' })).toThrow(new HostConfigError('CORTEX_PORT must be a port from 0 to 65535, got "many"'));
    expect(() => readHostConfig({ CORTEX_ORG_ID: 'two words', CORTEX_SESSION_HOT_WINDOW: '0', CORTEX_SESSION_IDLE_AFTER: '5ms' })).toThrow(
      /CORTEX_SESSION_HOT_WINDOW must be a whole number from 1 to 1000, got "0".*CORTEX_SESSION_IDLE_AFTER is not usable: .+; CORTEX_ORG_ID must be 1 to 63 letters, digits, "-" or "_" and start with a letter or digit, got "two words"/,
    );
    expect(() => readHostConfig({}, { port: '70000' })).toThrow('--port must be a port from 0 to 65535');
    expect(() => readHostConfig({ CORTEX_TOKEN: 'short', CORTEX_LOG_LEVEL: 'loud' })).toThrow(/CORTEX_LOG_LEVEL.*CORTEX_TOKEN|CORTEX_TOKEN.*CORTEX_LOG_LEVEL/);
    expect(() => readHostConfig({ CORTEX_TOKEN: 'short' })).not.toThrow('short must');
  });
});
