import { describe, expect, it } from 'vitest';

import { isSecretName } from './secret-name.ts';

describe('isSecretName', () => {
  it.each(['api_key', 'apiKey', 'X-API-Key', 'hmac_secret', 'DB_PASSWORD', 'bearer_token', 'Authorization', 'private-key'])('knows %s', (name) => expect(isSecretName(name)).toBe(true));
  it.each(['url', 'key', 'timeout', 'author', 'keyboard'])('leaves %s alone', (name) => expect(isSecretName(name)).toBe(false));
});
