import { createHash } from 'node:crypto';

import type { JsonObject, JsonValue } from '@cortex-runtime/core';

import type { CloudEvent } from './cloud-event.ts';
import type { WebhookRequest } from './webhook-routes.ts';

const usualHeaders = { generic: ['x-webhook-delivery', 'idempotency-key'], github: ['x-github-delivery'] } as const;

/**
 * The name by which a sender knows a delivery again; undefined when it gives none.
 *
 * For stripe it comes from signed bytes only, so that a replay can not be given a new name: the event's `id`, or the signature itself.
 * For the others it comes from a header, which their signatures do not cover.
 */
export function deliveryId(
  request: WebhookRequest,
  options: { scheme: 'generic' | 'github' | 'stripe'; header?: string; cloudEvent?: CloudEvent; proof?: string; payload: JsonValue },
): string | undefined {
  const { scheme, header, cloudEvent, proof, payload } = options;
  if (scheme === 'stripe' && proof !== undefined) {
    const id = typeof payload === 'object' && payload !== null && !Array.isArray(payload) ? (payload as JsonObject)['id'] : undefined;
    return typeof id === 'string' && id !== '' ? plain(id) : `sig-${sha256(proof)}`;
  }
  if (header !== undefined) return named(request, [header]);
  if (cloudEvent !== undefined) return `ce-${sha256(JSON.stringify([cloudEvent.source, cloudEvent.id]))}`;
  return named(request, scheme === 'stripe' ? [] : usualHeaders[scheme]);
}

function named(request: WebhookRequest, headers: readonly string[]): string | undefined {
  for (const header of headers) {
    const value = request.headers[header]?.trim();
    if (value !== undefined && value !== '') return plain(value);
  }
  return undefined;
}

/** As it is when it can stand in an id, else its digest. */
function plain(id: string): string {
  return /^[A-Za-z0-9_.:=+/@-]{1,128}$/.test(id) ? id : `sha256-${sha256(id)}`;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 40);
}
