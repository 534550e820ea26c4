/** What became of a message that could not be handed over. */
export type SendFailure =
  /** It never left, or was turned away: nothing was executed. */
  | 'not_sent'
  /** As before, because the server no longer knows the session: a new connection may help. */
  | 'stale'
  /** It may have arrived. */
  | 'unknown';

/** Failures of a connection that was never made. A connection that breaks later (ECONNRESET) may have delivered. */
const neverConnected = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'EADDRNOTAVAIL', 'UND_ERR_CONNECT_TIMEOUT', 'ERR_INVALID_URL', 'CERT_HAS_EXPIRED', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE']);

/** @param error - what the transport's `send` rejected with */
export function sendFailure(error: unknown, transport: 'stdio' | 'http'): SendFailure {
  if (transport === 'stdio') return 'not_sent'; // its send fails only where there is no pipe to write to
  const status = (error as { code?: unknown }).code;
  if (typeof status === 'number' && status >= 400 && status < 500 && status !== 408) return status === 404 || status === 400 ? 'stale' : 'not_sent';
  for (let current: unknown = error, depth = 0; current instanceof Error && depth < 5; current = current.cause, depth += 1) {
    const { code } = current as NodeJS.ErrnoException;
    if (code !== undefined && neverConnected.has(code)) return 'not_sent';
    if (current instanceof AggregateError && current.errors.length > 0 && current.errors.every((each: unknown) => sendFailure(each, transport) === 'not_sent')) return 'not_sent';
  }
  return 'unknown';
}
