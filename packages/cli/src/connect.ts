import { resolve } from 'node:path';

import { isAlive, readHostFile, readToken } from '@cortex-runtime/host';
import { createOrchestrationClient, type OrchestrationClient } from '@cortex-runtime/orchestration-client';

import type { SharedOptions } from './command-context.ts';
import { CommandError } from './errors.ts';

/** The data directory that the options or the environment name. */
export function dataDirectoryOf(options: SharedOptions, environment: Readonly<Record<string, string | undefined>>, workingDirectory: string): string {
  return resolve(workingDirectory, options.dataDir ?? (environment['CORTEX_DATA_DIR'] || '.cortex'));
}

/**
 * A client of the host that runs on a data directory, or of the one at `--url`.
 *
 * @throws CommandError when no host runs there
 */
export function connect(options: SharedOptions, environment: Readonly<Record<string, string | undefined>>, workingDirectory: string): OrchestrationClient {
  const given = options.token ?? (environment['CORTEX_TOKEN'] || undefined);
  if (options.url !== undefined) return createOrchestrationClient({ baseUrl: options.url, ...(given === undefined ? {} : { token: given }) });
  const dataDirectory = dataDirectoryOf(options, environment, workingDirectory);
  const record = readHostFile(dataDirectory);
  if (record === undefined || !isAlive(record.pid)) {
    throw new CommandError('HOST_NOT_RUNNING', `no host runs on ${dataDirectory}; start one with "cortex start", or point at one with --data-dir or --url`);
  }
  const token = given ?? readToken(dataDirectory);
  return createOrchestrationClient({ baseUrl: record.url, ...(token === undefined ? {} : { token }) });
}
