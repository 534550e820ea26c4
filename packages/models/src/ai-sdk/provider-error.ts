import { describeError } from '@cortex-runtime/core';

import { ModelRateLimitedError, ModelRequestRefusedError, ModelStreamBrokenError, ModelUnauthorizedError, ModelUnavailableError, type ModelError } from '../errors.ts';

/** What the AI SDK's API error carries, read by shape: several copies of its classes can be installed. */
interface ApiCallFacts {
  statusCode?: number;
  message?: string;
  responseHeaders?: Record<string, string | undefined>;
}

/** What an error is understood by, besides itself. */
export interface CallFacts {
  modelId: string;
  /** Whether any part of an answer had come. */
  hasBegun: boolean;
  now: number;
  /** Strings that no message may hold: keys. */
  secrets: readonly string[];
}

/**
 * The house's error for what a provider threw or streamed. The original is not kept as `cause`: it holds the whole request, prompt included,
 * and loggers print causes.
 */
export function modelErrorFrom(error: unknown, facts: CallFacts): ModelError {
  const { modelId } = facts;
  const { statusCode: status, responseHeaders } = api(error);
  const said = scrub(status === undefined ? describeError(readable(error)) : (api(error).message ?? ''), facts.secrets);
  if (status === undefined || status < 400) {
    if (facts.hasBegun || isUnreadable(error)) return new ModelStreamBrokenError(modelId, `the answer of ${modelId} broke off: ${said}`);
    const streamed = streamedStatus(error);
    if (streamed === undefined) return new ModelUnavailableError(modelId, `${modelId} could not be reached: ${said}`);
    return byStatus(streamed, said, modelId, undefined);
  }
  return byStatus(status, said, modelId, retryAfterMs(responseHeaders ?? {}, facts.now));
}

function byStatus(status: number, said: string, modelId: string, wait: number | undefined): ModelError {
  const text = `${modelId} answered ${status}: ${said}`;
  if (status === 401 || status === 403) return new ModelUnauthorizedError(modelId, `${text}; check the key`, { status });
  if (status === 429) return new ModelRateLimitedError(modelId, text, { status, retryAfterMs: wait });
  if (status === 408 || status >= 500) return new ModelUnavailableError(modelId, text, { status, retryAfterMs: wait });
  return new ModelRequestRefusedError(modelId, text, { status });
}

/**
 * Milliseconds of `retry-after-ms` or `retry-after` (seconds or an HTTP date).
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#name-retry-after
 */
function retryAfterMs(headers: Record<string, string | undefined>, now: number): number | undefined {
  const milliseconds = Number(headers['retry-after-ms']);
  if (headers['retry-after-ms'] !== undefined && Number.isFinite(milliseconds) && milliseconds >= 0) return milliseconds;
  const value = headers['retry-after'];
  if (value === undefined) return undefined;
  if (/^\s*\d+(\.\d+)?\s*$/.test(value)) return Number(value) * 1_000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}

/** Errors that arrive inside a stream of status 200 name themselves; these are the ones that may pass. */
function streamedStatus(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const text = JSON.stringify(error).toLowerCase();
  if (text.includes('rate_limit') || text.includes('resource_exhausted')) return 429;
  if (text.includes('overloaded')) return 529;
  if (text.includes('server_error') || text.includes('api_error') || text.includes('unavailable')) return 500;
  if (text.includes('authentication_error') || text.includes('invalid_api_key')) return 401;
  if (text.includes('invalid_request') || text.includes('context_length') || text.includes('not_found_error')) return 400;
  return undefined;
}

function isUnreadable(error: unknown): boolean {
  const name = error instanceof Error ? error.name : '';
  return name.includes('JSONParseError') || name.includes('TypeValidationError') || name.includes('InvalidResponseDataError') || name.includes('EmptyResponseBody');
}

function api(error: unknown): ApiCallFacts {
  return typeof error === 'object' && error !== null ? (error as ApiCallFacts) : {};
}

/** Parse errors quote the text they failed on; of those only the kind is told. */
function readable(error: unknown): unknown {
  if (isUnreadable(error)) return error instanceof Error && error.name.includes('InvalidResponseData') ? error.message : 'it was not what the protocol asks for';
  if (error instanceof Error || typeof error !== 'object' || error === null) return error;
  const { message, error: inner } = error as { message?: unknown; error?: { message?: unknown } };
  return String(message ?? inner?.message ?? 'an error without a message');
}

function scrub(message: string, secrets: readonly string[]): string {
  let text = message;
  for (const secret of secrets) if (secret.length > 3) text = text.replaceAll(secret, '[key]');
  text = text.replaceAll(/\b(sk|pk|key|AIza|Bearer )[-_\w*.]{12,}/g, '[key]').replaceAll(/\s+/g, ' ').trim();
  return text.length > 500 ? `${text.slice(0, 500)}…` : text === '' ? 'no reason given' : text;
}
