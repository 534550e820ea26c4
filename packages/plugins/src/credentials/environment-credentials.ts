import type { Environment } from '@cortex-runtime/core';

import { CredentialNotFoundError } from '../protocol/plugin-errors.ts';
import type { CredentialBroker } from '../protocol/credential-broker.ts';

/**
 * Credentials from environment variables: `calendar_api_key` is `<prefix>CALENDAR_API_KEY`.
 *
 * The prefix keeps plugins away from everything else in the environment.
 */
export function environmentCredentials(environment: Environment, { prefix = 'CORTEX_CREDENTIAL_' }: { prefix?: string } = {}): CredentialBroker {
  return {
    async get(name) {
      const variable = `${prefix}${name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}`;
      const value = environment instanceof Map ? (environment as ReadonlyMap<string, string>).get(variable) : (environment as Record<string, string | undefined>)[variable];
      if (value === undefined || value === '') throw new CredentialNotFoundError(name, `set the environment variable ${variable}`);
      return value;
    },
  };
}
