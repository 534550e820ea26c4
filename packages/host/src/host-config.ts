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
};

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
      problems.push(`${flags[field] === undefined ? hostEnvironmentNames[field] : `--${kebab(field)}`} ${problemOf(field, given[field])}`);
    }
  }
  if (!parsed.success || problems.length > 0) throw new HostConfigError(problems.join('; '));
  return parsed.data;
}

function valueOf(field: keyof HostConfig, text: string | number): unknown {
  if (field === 'hibernateAfterMs' || field === 'stopTimeoutMs') return parseDurationMs(text, 's');
  if (field === 'allowedHosts' || field === 'trustedProxies') return String(text).split(',').map((each) => each.trim()).filter((each) => each !== '');
  return text;
}

function problemOf(field: keyof HostConfig, value: unknown): string {
  switch (field) {
    case 'port':
      return `must be a port from 0 to 65535, got ${JSON.stringify(value)}`;
    case 'logLevel':
      return `must be debug, info, warn or error, got ${JSON.stringify(value)}`;
    case 'token':
      return 'must have at least 16 characters';
    default:
      return 'is not usable';
  }
}

function kebab(field: string): string {
  return field.replaceAll(/([a-z])([A-Z])/g, '$1-$2').toLowerCase();
}
