import type { IncomingHttpHeaders } from 'node:http';

import { hostnameOf, isBearerToken, isLoopback } from '@cortex-runtime/core';

import type { HttpChannelSettings } from './http-channel-options.ts';
import { HttpRefusal } from './http-refusal.ts';

/**
 * Decides whether a request may go on: on a loopback address first where it thinks it is (a page that was pointed at this machine carries its own name) and where it comes from,
 * then who it is. Unknown paths are refused like known ones.
 *
 * @throws HttpRefusal 421, 403 or 401
 */
export function checkAccess({ host, token, allowedHosts }: HttpChannelSettings, path: string, headers: IncomingHttpHeaders): void {
  const isAllowed = (authority: string) => {
    const hostname = hostnameOf(authority);
    return hostname !== undefined && (isLoopback(hostname) || allowedHosts.some((allowed) => allowed.toLowerCase() === hostname));
  };
  if (isLoopback(host)) {
    if (!isAllowed(headers.host ?? '')) throw new HttpRefusal(421, 'MISDIRECTED_REQUEST', `only loopback names are served here, not Host ${JSON.stringify(headers.host ?? '').slice(0, 300)}; add the name to allowedHosts to serve it`);
    if (headers.origin !== undefined && !isAllowed(headers.origin.replace(/^https?:\/\//, ''))) {
      throw new HttpRefusal(403, 'CROSS_ORIGIN_REFUSED', `pages of ${JSON.stringify(headers.origin).slice(0, 300)} may not call this channel`);
    }
  }
  if (path === '/health' || token === undefined || isBearerToken(token, headers.authorization)) return;
  throw new HttpRefusal(401, 'UNAUTHORIZED', 'a bearer token is needed: Authorization: Bearer …', { headers: { 'www-authenticate': 'Bearer' } });
}
