import { hostnameOf, isBearerToken, isLoopback } from '@cortex-runtime/core';

import { HttpError } from '../errors.ts';

export interface AccessRules {
  /** The bearer token. */
  token: string;
  /** Whether the server is bound to the loopback interface, where a web page of any origin could otherwise drive it. */
  isLoopbackBind: () => boolean;
  /** Further host names that requests may name on a loopback bind, such as the one of a tunnel. */
  allowedHosts: readonly string[];
}

interface RequestFacts {
  path: string;
  headers: { host?: string | undefined; origin?: string | undefined; authorization?: string | undefined };
}

/**
 * Decides whether a request may go on: first where it thinks it is (DNS rebinding), then where it comes from (cross-site requests), then who it is.
 *
 * Unknown paths are refused like known ones, so that nobody learns which paths exist.
 *
 * @throws HttpError 421, 403 or 401
 */
export function checkAccess(rules: AccessRules, request: RequestFacts): void {
  if (rules.isLoopbackBind()) {
    const hostname = hostnameOf(request.headers.host ?? '');
    if (hostname === undefined || !isAllowed(rules, hostname)) {
      throw new HttpError(421, 'MISDIRECTED_REQUEST', `this host answers only to loopback names, not to Host ${JSON.stringify(request.headers.host ?? '')}; add the name to CORTEX_ALLOWED_HOSTS to serve it`);
    }
    const { origin } = request.headers;
    if (origin !== undefined) {
      const hostnameOfOrigin = hostnameOf(origin.replace(/^https?:\/\//, ''));
      if (hostnameOfOrigin === undefined || !isAllowed(rules, hostnameOfOrigin)) {
        throw new HttpError(403, 'CROSS_ORIGIN_REFUSED', `pages of ${JSON.stringify(origin)} may not call this host`);
      }
    }
  }
  if (isPublic(request.path)) return;
  if (!isBearerToken(rules.token, request.headers.authorization)) {
    throw new HttpError(401, 'UNAUTHORIZED', 'a bearer token is needed: Authorization: Bearer …; it is in the file "token" of the data directory', { headers: { 'www-authenticate': 'Bearer' } });
  }
}

function isAllowed(rules: AccessRules, hostname: string): boolean {
  return isLoopback(hostname) || rules.allowedHosts.includes(hostname.toLowerCase());
}

/** Health says nothing worth hiding; webhooks are signed. */
function isPublic(path: string): boolean {
  return path === '/health' || path === '/api/v1/health' || path.startsWith('/hooks/');
}
