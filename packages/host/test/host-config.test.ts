import { describe, expect, it } from 'vitest';

import { HostConfigError, readHostConfig } from '../src/index.ts';

describe('readHostConfig', () => {
  it('has defaults for everything', () => {
    expect(readHostConfig({})).toEqual({ host: '127.0.0.1', port: 8_000, dataDirectory: '.cortex', logLevel: 'info', allowedHosts: [], trustedProxies: [], hibernateAfterMs: 30_000, stopTimeoutMs: 60_000 });
  });

  it('reads the environment, and flags above it', () => {
    const environment = { CORTEX_PORT: '9000', CORTEX_HOST: '', CORTEX_HIBERNATE_AFTER: '2m', CORTEX_ALLOWED_HOSTS: 'a.example, b.example', CORTEX_DATA_DIR: '/data' };
    expect(readHostConfig(environment, { port: '0' })).toMatchObject({ port: 0, host: '127.0.0.1', hibernateAfterMs: 120_000, allowedHosts: ['a.example', 'b.example'], dataDirectory: '/data' });
  });

  it('names the variable or the flag that is wrong', () => {
    expect(() => readHostConfig({ CORTEX_PORT: 'many' })).toThrow(new HostConfigError('CORTEX_PORT must be a port from 0 to 65535, got "many"'));
    expect(() => readHostConfig({}, { port: '70000' })).toThrow('--port must be a port from 0 to 65535');
    expect(() => readHostConfig({ CORTEX_TOKEN: 'short', CORTEX_LOG_LEVEL: 'loud' })).toThrow(/CORTEX_LOG_LEVEL.*CORTEX_TOKEN|CORTEX_TOKEN.*CORTEX_LOG_LEVEL/);
    expect(() => readHostConfig({ CORTEX_TOKEN: 'short' })).not.toThrow('short must');
  });
});
