import { duration, parseDurationMs } from '@cortex-runtime/core';
import { z } from 'zod';

import { HostConfigError } from './errors.ts';

/** How one host runs. Every field has an environment variable, `CORTEX_` and its name in capitals. */
export const HostConfig = z.strictObject({
  host: z.string().min(1).default('127.0.0.1').describe('Address to listen on.'),
  port: z.coerce.number().int().min(0).max(65_535).default(8_000).describe('Port to listen on; 0 picks a free one.'),
  token: z.string().min(16).optional().describe('Bearer token of the API; made at the first start and kept in the data directory when left out.'),
  dataDirectory: z.string().min(1).default('.cortex').describe('Where journals, logs and the token are kept.'),
  logLevel: z.enum(['debug', 'info', 'warn', 'error']).default('info').describe('Least level of what is logged.'),
  allowedHosts: z.array(z.string().min(1)).default([]).describe('Further Host names that are served on a loopback bind, such as the one of a tunnel.'),
  trustedProxies: z.array(z.string().min(1)).default([]).describe('Addresses or CIDR ranges whose X-Forwarded-For is believed.'),
  hibernateAfterMs: duration('s').default(30_000).describe('Idle agents leave memory after this time.'),
  stopTimeoutMs: duration('s').default(60_000).describe('How long a host that is told to stop waits for running work.'),
  memoryPath: z.string().min(1).optional().describe('Folder of what is remembered; `memory` in the data directory when left out.'),
  memoryBackend: z.enum(['file', 'postgres']).default('file').describe('Where typed memory is kept.'),
  sessionBackend: z.enum(['file', 'redis', 'postgres']).default('file').describe('Where conversations are kept: files in the data directory, Redis or PostgreSQL.'),
  sessionHotWindow: z.coerce.number().int().min(1).max(1_000).default(20).describe('Newest turns of a conversation that are kept verbatim.'),
  sessionSummaryAfter: z.coerce.number().int().min(2).max(10_000).default(50).describe('Turns without a summary after which all but the newest are summed up.'),
  sessionIdleAfterMs: duration('s', { check: (schema) => schema.min(1_000) }).default(1_800_000).describe('Inactivity after which a conversation is marked idle.'),
  databaseUrl: z.string().regex(/^postgres(ql)?:\/\//, 'must begin with postgres://').optional().describe('PostgreSQL, for memories and sessions that are kept there.'),
  redisUrl: z.string().regex(/^(rediss?|unix):\/\//, 'must begin with redis://, rediss:// or unix://').optional().describe('Redis, for sessions that are kept there.'),
  orgId: z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9_-]{0,62}$/, 'must be letters, digits, - or _').optional().describe('Organisation: what several share a server for is kept apart by it.'),
});
export type HostConfig = z.output<typeof HostConfig>;

type Environment = Readonly<Record<string, string | undefined>>;

/** Environment variable of each field. */
export const hostEnvironmentNames: Readonly<Record<keyof HostConfig, string>> = {
  host: 'CORTEX_HOST',
  port: 'CORTEX_PORT',
  token: 'CORTEX_TOKEN',
  dataDirectory: 'CORTEX_DATA_DIR',
  logLevel: 'CORTEX_LOG_LEVEL',
  allowedHosts: 'CORTEX_ALLOWED_HOSTS',
  trustedProxies: 'CORTEX_TRUSTED_PROXIES',
  hibernateAfterMs: 'CORTEX_HIBERNATE_AFTER',
  stopTimeoutMs: 'CORTEX_STOP_TIMEOUT',
  memoryPath: 'CORTEX_MEMORY_PATH',
  memoryBackend: 'CORTEX_MEMORY_BACKEND',
  sessionBackend: 'CORTEX_SESSION_BACKEND',
  sessionHotWindow: 'CORTEX_SESSION_HOT_WINDOW',
  sessionSummaryAfter: 'CORTEX_SESSION_SUMMARY_AFTER',
  sessionIdleAfterMs: 'CORTEX_SESSION_IDLE_AFTER',
  databaseUrl: 'CORTEX_DATABASE_URL',
  redisUrl: 'CORTEX_REDIS_URL',
  orgId: 'CORTEX_ORG_ID',
};

const durations: ReadonlySet<keyof HostConfig> = new Set(['hibernateAfterMs', 'stopTimeoutMs', 'sessionIdleAfterMs']);

/**
 * The configuration in the environment, overridden by flags. An empty variable counts as absent.
 *
 * @throws HostConfigError naming every variable or flag that is not usable
 */
export function readHostConfig(environment: Environment, flags: Partial<Record<keyof HostConfig, string | number | undefined>> = {}): HostConfig {
  const given: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const [field, variable] of Object.entries(hostEnvironmentNames) as [keyof HostConfig, string][]) {
    const fromFlag = flags[field];
    const text = fromFlag ?? environment[variable];
    if (text === undefined || text === '') continue;
    try {
      given[field] = valueOf(field, text);
    } catch (error) {
      problems.push(`${fromFlag === undefined ? variable : field}: ${(error as Error).message}`);
    }
  }
  const parsed = HostConfig.safeParse(given);
  if (!parsed.success) {
    for (const issue of parsed.error.issues) {
      const field = String(issue.path[0]) as keyof HostConfig;
      problems.push(`${flags[field] === undefined ? hostEnvironmentNames[field] : `--${kebab(field)}`} ${problemOf(field, given[field], issue.message)}`);
    }
  }
  if (parsed.success) problems.push(...contradictions(parsed.data));
  if (!parsed.success || problems.length > 0) throw new HostConfigError(problems.join('; '));
  return parsed.data;
}

function valueOf(field: keyof HostConfig, text: string | number): unknown {
  if (durations.has(field)) return parseDurationMs(text, 's');
  if (field === 'allowedHosts' || field === 'trustedProxies') return String(text).split(',').map((each) => each.trim()).filter((each) => each !== '');
  return text;
}

/** What fits field by field and not together. */
function contradictions(config: HostConfig): string[] {
  const problems: string[] = [];
  for (const [field, backend] of [['memoryBackend', config.memoryBackend], ['sessionBackend', config.sessionBackend]] as const) {
    if (backend === 'postgres' && config.databaseUrl === undefined) problems.push(`${hostEnvironmentNames[field]} is postgres, which needs CORTEX_DATABASE_URL`);
    if (backend === 'redis' && config.redisUrl === undefined) problems.push(`${hostEnvironmentNames[field]} is redis, which needs CORTEX_REDIS_URL`);
  }
  if (config.sessionSummaryAfter <= config.sessionHotWindow) problems.push('CORTEX_SESSION_SUMMARY_AFTER must be above CORTEX_SESSION_HOT_WINDOW, or there is nothing to sum up');
  return problems;
}

function problemOf(field: keyof HostConfig, value: unknown, message: string): string {
  switch (field) {
    case 'port':
      return `must be a port from 0 to 65535, got ${JSON.stringify(value)}`;
    case 'logLevel':
      return `must be debug, info, warn or error, got ${JSON.stringify(value)}`;
    case 'memoryBackend':
      return `must be file or postgres, got ${JSON.stringify(value)}`;
    case 'sessionBackend':
      return `must be file, redis or postgres, got ${JSON.stringify(value)}`;
    case 'databaseUrl':
      return 'must begin with postgres://'; // it may hold a password
    case 'redisUrl':
      return 'must begin with redis://, rediss:// or unix://';
    case 'token':
      return 'must have at least 16 characters';
    case 'orgId':
      return `must be 1 to 63 letters, digits, "-" or "_" and start with a letter or digit, got ${JSON.stringify(value)}`;
    case 'sessionHotWindow':
      return `must be a whole number from 1 to 1000, got ${JSON.stringify(value)}`;
    case 'sessionSummaryAfter':
      return `must be a whole number from 2 to 10000, got ${JSON.stringify(value)}`;
    default:
      return `is not usable: ${message}`;
  }
}

function kebab(field: string): string {
  return field.replaceAll(/([a-z])([A-Z])/g, '$1-$2').toLowerCase();
}
