import { describeError, hasReferences, type JsonObject, type JsonValue } from '@cortex-runtime/core';

import type { BaseTrigger, TriggerDependencies } from '../base-trigger.ts';
import type { TriggerConfig } from '../config/index.ts';
import { DeliveryQueue, type DeliveryOutcome } from '../delivery-queue.ts';
import { TriggerError } from '../errors.ts';
import type { TriggerEvent } from '../trigger-event.ts';
import { triggerIdOf } from '../trigger-id.ts';
import { readCloudEvent } from './cloud-event.ts';
import { deliveryId } from './delivery-id.ts';
import { BodyError, readBody } from './read-body.ts';
import { parseSources, type SourceList } from './source-list.ts';
import { defaultSignatureHeader, secretKeys, verifySignature, type SignatureRule } from './verify-signature.ts';
import type { WebhookRequest, WebhookResponse } from './webhook-routes.ts';

/** Requests that may wait for the mailbox at once; more are told to come again. */
const maxWaiting = 1_000;
/** A sender is not kept waiting longer than this for the mailbox. */
const answerWithinMs = 30_000;
/** Headers that carry secrets: they never reach an event. */
const neverKept = /^(authorization|proxy-authorization|cookie|set-cookie)$|(^|-)(token|secret|password|api-?key)$/;
const maxCauses = 64;

/**
 * Wakes an agent by a signed HTTP request.
 *
 * In this order: source (403), size (413), signature (401), body (400, 415), then the runtime: 200 `duplicate` or `ignored`, 503 with `Retry-After` when the event
 * can not be kept now, 202 only when it is durable. A delivery that comes again gets the event id it had, so it is answered and not run twice.
 */
export class WebhookTrigger implements BaseTrigger {
  readonly triggerId: string;
  readonly triggerType = 'webhook';
  readonly #deps: TriggerDependencies;
  readonly #config: TriggerConfig;
  readonly #sources: SourceList;
  readonly #signature: SignatureRule | undefined;
  readonly #queue: DeliveryQueue;
  #removeRoute: (() => void) | undefined;

  constructor(deps: TriggerDependencies, config: TriggerConfig) {
    this.#deps = deps;
    this.#config = config;
    this.triggerId = triggerIdOf(config);
    const sources = parseSources(config.allowedSources);
    if ('problem' in sources) throw new TriggerError(`trigger ${this.triggerId}: allowed_sources: ${sources.problem}`, { triggerId: this.triggerId });
    this.#sources = sources;
    this.#signature = signatureRule(config, this.triggerId);
    this.#queue = new DeliveryQueue(this.triggerId, { limit: maxWaiting });
  }

  start(): Promise<void> {
    if (this.#removeRoute !== undefined) return Promise.resolve();
    const { webhookPath: path, maxBodyBytes } = this.#config;
    try {
      this.#removeRoute = this.#deps.webhookRoutes.add({ processName: this.#deps.processName, path, maxBodyBytes, handle: (request) => this.handle(request) });
    } catch (error) {
      return Promise.reject(error as Error);
    }
    this.#queue.open();
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.#removeRoute?.();
    this.#removeRoute = undefined;
    this.#queue.close();
    return Promise.resolve();
  }

  waitForNext(): Promise<TriggerEvent> {
    return this.#queue.next();
  }

  acknowledge(event: TriggerEvent, outcome: 'accepted' | 'duplicate' | 'filtered'): Promise<void> {
    this.#queue.acknowledge(event, outcome);
    return Promise.resolve();
  }

  reject(event: TriggerEvent, reason: { message: string; retryAfterMs: number }): Promise<void> {
    this.#queue.reject(event, reason);
    return Promise.resolve();
  }

  /** Answers one request. Never rejects. */
  async handle(request: WebhookRequest): Promise<WebhookResponse> {
    try {
      return await this.#answer(request);
    } catch (error) {
      if (error instanceof BodyError) return refusal(error.status, error.message);
      this.#deps.logger.error({ trigger_id: this.triggerId, error: describeError(error) }, 'webhook failed');
      return { status: 500, body: { status: 'error', message: 'internal error' } };
    }
  }

  async #answer(request: WebhookRequest): Promise<WebhookResponse> {
    if (!this.#sources.allows(request.remote)) return this.#refuse(request, 403, 'this source is not allowed');
    if (request.method !== 'POST') return { ...refusal(405, 'send a POST request'), headers: { allow: 'POST' } };
    if (request.body.length > this.#config.maxBodyBytes) return refusal(413, `the body has ${request.body.length} bytes; at most ${this.#config.maxBodyBytes} are taken`);
    let proof: string | undefined;
    if (this.#signature !== undefined) {
      const verdict = verifySignature(this.#signature, request.headers[this.#signature.header], request.body, this.#deps.clock.now());
      if (!verdict.ok) return this.#refuse(request, 401, verdict.problem);
      proof = verdict.proof;
    }
    const event = this.#eventFor(request, proof);
    return responseOf(await this.#offer(event), event.eventId);
  }

  #eventFor(request: WebhookRequest, proof: string | undefined): TriggerEvent {
    const cloudEvent = readCloudEvent(request);
    const payload: JsonValue = cloudEvent === undefined ? readBody(request.body, request.headers['content-type']) : cloudEvent.data;
    const { deliveryIdHeader: header, signatureScheme: scheme } = this.#config;
    const delivery = deliveryId(request, {
      scheme,
      payload,
      ...(header === undefined ? {} : { header: header.toLowerCase() }),
      ...(cloudEvent === undefined ? {} : { cloudEvent }),
      ...(proof === undefined ? {} : { proof }),
    });
    return {
      triggerId: this.triggerId,
      triggerType: this.triggerType,
      eventId: `webhook:${this.triggerId}:${delivery ?? this.#deps.createId()}`,
      timestamp: this.#deps.clock.now(),
      payload,
      metadata: this.#metadataOf(request, proof !== undefined, cloudEvent?.attributes),
      cause: proof === undefined ? [] : causesOf(request.headers['x-cortex-cause']),
    };
  }

  #metadataOf(request: WebhookRequest, isVerified: boolean, cloudEvent: JsonObject | undefined): JsonObject {
    const headers: [string, string][] = [];
    for (const [name, value] of Object.entries(request.headers)) {
      if (!neverKept.test(name) && name !== this.#signature?.header) headers.push([name, value.toWellFormed()]);
    }
    const query = Object.entries(request.query).map(([name, value]): [string, string] => [name.toWellFormed(), value.toWellFormed()]);
    return {
      method: request.method,
      path: request.path,
      query: Object.fromEntries(query),
      headers: Object.fromEntries(headers),
      remote: request.remote,
      signature_verified: isVerified,
      ...(cloudEvent === undefined ? {} : { cloudevent: cloudEvent }),
    };
  }

  /** Waits for the mailbox, but not for ever: a sender that is told to come again finds its event by the same id. */
  async #offer(event: TriggerEvent): Promise<DeliveryOutcome> {
    const settled = this.#queue.offer(event);
    let onTimeout: () => void = () => {};
    const late = new Promise<DeliveryOutcome>((resolve) => {
      onTimeout = () => {
        this.#queue.withdraw(event.eventId);
        resolve({ outcome: 'rejected', message: 'the event was not taken in time', retryAfterMs: answerWithinMs });
      };
    });
    const timer = this.#deps.clock.setTimer(answerWithinMs, onTimeout, { keepAlive: false });
    try {
      return await Promise.race([settled, late]);
    } finally {
      timer.cancel();
    }
  }

  #refuse(request: WebhookRequest, status: number, problem: string): WebhookResponse {
    this.#deps.logger.warn({ trigger_id: this.triggerId, remote: request.remote, status, problem }, 'webhook refused');
    return refusal(status, problem);
  }
}

function signatureRule(config: TriggerConfig, triggerId: string): SignatureRule | undefined {
  const { hmacSecret, signatureScheme: scheme, signatureHeader, signatureToleranceMs: toleranceMs } = config;
  if (hmacSecret === undefined) {
    if (scheme === 'generic' && signatureHeader === undefined) return undefined;
    throw new TriggerError(`trigger ${triggerId} has signature settings and no hmac_secret; without one nothing would be checked`, { triggerId });
  }
  if (hasReferences(hmacSecret)) throw new TriggerError(`trigger ${triggerId}: hmac_secret still holds a \${…} reference; resolve it before the trigger is made`, { triggerId });
  const keys = secretKeys(hmacSecret);
  if (keys === undefined) throw new TriggerError(`trigger ${triggerId}: hmac_secret must hold one to three keys, one a line`, { triggerId });
  return { scheme, header: (signatureHeader ?? defaultSignatureHeader[scheme]).toLowerCase(), keys, toleranceMs };
}

function responseOf(result: DeliveryOutcome, eventId: string): WebhookResponse {
  switch (result.outcome) {
    case 'accepted':
      return { status: 202, body: { status: 'accepted', event_id: eventId } };
    case 'duplicate':
      return { status: 200, body: { status: 'duplicate', event_id: eventId } };
    case 'filtered':
      return { status: 200, body: { status: 'ignored', event_id: eventId } };
    case 'rejected':
      return {
        status: 503,
        headers: { 'retry-after': String(Math.max(1, Math.ceil(result.retryAfterMs / 1_000))) },
        body: { status: 'unavailable', message: result.message },
      };
  }
}

function refusal(status: number, message: string): WebhookResponse {
  return { status, body: { status: 'refused', message } };
}

/** Ids separated by commas; anything else is no chain of ours and is dropped. */
function causesOf(header: string | undefined): string[] {
  const ids = (header ?? '').split(',').map((id) => id.trim()).filter((id) => id !== '');
  return ids.length <= maxCauses && ids.every((id) => /^[A-Za-z0-9_.:=+/@-]{1,256}$/.test(id)) ? ids : [];
}
