import { InvalidInputError } from '@cortex-runtime/core';

import { Keyspace } from '../keyspace.ts';
import { DurabilityClass, type BusConfig } from './bus-config.ts';

/**
 * The part of a configuration that the environment gives: `CORTEX_REDIS_URL`, `REDIS_HOST`, `REDIS_PORT`, `REDIS_USERNAME`, `REDIS_PASSWORD`, `REDIS_SSL`, `CORTEX_REDIS_DURABILITY`, and `CORTEX_ORG_ID` for the prefix.
 *
 * @throws InvalidInputError naming the variable whose value makes no sense; a blank CORTEX_ORG_ID included
 */
export function busConfigFromEnvironment(environment: Readonly<Record<string, string | undefined>>): BusConfig {
  const read = (name: string) => (environment[name] === '' ? undefined : environment[name]);
  const url = read('CORTEX_REDIS_URL');
  const host = read('REDIS_HOST');
  const port = read('REDIS_PORT');
  const username = read('REDIS_USERNAME');
  const password = read('REDIS_PASSWORD');
  const tls = read('REDIS_SSL');
  const durability = DurabilityClass.safeParse(read('CORTEX_REDIS_DURABILITY') ?? 'standard');
  if (port !== undefined && !/^\d{1,5}$/.test(port)) throw new InvalidInputError('REDIS_PORT', `must be a port number, got ${JSON.stringify(port)}`);
  if (!durability.success) throw new InvalidInputError('CORTEX_REDIS_DURABILITY', `must be memory, standard or strict, got ${JSON.stringify(read('CORTEX_REDIS_DURABILITY'))}`);
  return {
    ...(url === undefined ? {} : { url }),
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port: Number(port) }),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls === undefined ? {} : { tls: flag('REDIS_SSL', tls) }),
    ...(durability.data === 'standard' ? {} : { durability: durability.data }),
    streamPrefix: new Keyspace(environment['CORTEX_ORG_ID']).streamPrefix,
  };
}

function flag(name: string, value: string): boolean {
  const word = value.trim().toLowerCase();
  if (['1', 'true', 'yes', 'on'].includes(word)) return true;
  if (['0', 'false', 'no', 'off'].includes(word)) return false;
  throw new InvalidInputError(name, `must be true or false, got ${JSON.stringify(value)}`);
}
