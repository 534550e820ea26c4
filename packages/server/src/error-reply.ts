import { CortexError, DocumentError, describeError } from '@cortex-runtime/core';

import { HttpError } from './errors.ts';

/** How a failure looks from outside. */
export interface ErrorAnswer {
  status: number;
  code: string;
  message: string;
  headers: Readonly<Record<string, string>>;
  /** Something that nobody foresaw: it is logged with an id, and its message stays inside. */
  isUnexpected: boolean;
}

/** Status of the errors of the packages below, by their codes. */
const statusByCode: Readonly<Record<string, number>> = {
  PROCESS_NOT_FOUND: 404,
  EFFECT_NOT_FOUND: 404,
  DEAD_LETTER_NOT_FOUND: 404,
  MEMORY_FILE_NOT_FOUND: 404,
  MEMORY_PROPOSAL_NOT_FOUND: 404,
  SESSION_NOT_FOUND: 404,
  TASK_NOT_FOUND: 404,
  NOBODY_THERE: 404,
  MEMORY_PROPOSAL: 409,
  APPROVAL_NOT_FOUND: 404,
  PLUGIN_NOT_FOUND: 404,
  PLUGIN_ACTION_NOT_FOUND: 404,
  PLUGIN_OPERATOR_REQUIRED: 403,
  PLUGIN_APPROVAL_PENDING: 409,
  PLUGIN_APPROVAL_EXPIRED: 409,
  PLUGIN_ACTION_DENIED: 409,
  PLUGIN_CALL_CONFLICT: 409,
  PLUGIN_VALIDATION: 422,
  PROCESS_EXISTS: 409,
  PROCESS_STATE: 409,
  EFFECT_STATE: 409,
  APPROVAL_CLOSED: 409,
  DISPATCH_CONFLICT: 409,
  BUS_DEDUP_CONFLICT: 409,
  EVENT_REFUSED: 503,
  JOURNAL_FAILED: 503,
  JOURNAL_CLOSED: 503,
  BUS_FULL: 503,
  BUS_CONNECTION: 503,
  BUS_CLOSED: 503,
  FEATURE_NOT_AVAILABLE: 501,
  DOCUMENT_INVALID: 422,
  INVALID_INPUT: 422,
};

/** Fastify's own errors that a caller can cause. */
const fastifyCodes: Readonly<Record<string, { status: number; code: string; message: string }>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: { status: 413, code: 'BODY_TOO_LARGE', message: 'the body is larger than this route takes' },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: { status: 400, code: 'INVALID_REQUEST', message: 'the body is not as long as Content-Length says' },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: { status: 415, code: 'UNSUPPORTED_MEDIA_TYPE', message: 'the Content-Type is not one this route reads' },
  FST_ERR_BAD_URL: { status: 400, code: 'INVALID_REQUEST', message: 'the URL is not valid' },
  FST_ERR_ASYNC_CONSTRAINT: { status: 400, code: 'INVALID_REQUEST', message: 'the request is not valid' },
};

/**
 * The answer for anything that was thrown. `fallback` names what was being done, for failures of the agent's own making: `START_FAILED`.
 */
export function errorAnswer(error: unknown, fallback?: string): ErrorAnswer {
  if (error instanceof HttpError) return { status: error.status, code: error.code, message: error.message, headers: error.headers, isUnexpected: false };
  if (CortexError.is(error)) {
    const status = statusByCode[error.code] ?? (fallback === undefined && error.retryable ? 503 : 500);
    const message = error instanceof DocumentError ? error.issues.map((issue) => `${issue.path}: ${issue.message}`).join('; ') : describeError(error);
    return { status, code: status === 500 && fallback !== undefined ? fallback : error.code, message, headers: retryHeaders(error, status), isUnexpected: false };
  }
  const code = (error as { code?: unknown } | null)?.code;
  const known = typeof code === 'string' ? fastifyCodes[code] : undefined;
  if (known !== undefined) return { ...known, headers: {}, isUnexpected: false };
  const statusCode = (error as { statusCode?: unknown } | null)?.statusCode;
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) {
    return { status: statusCode, code: 'INVALID_REQUEST', message: describeError(error), headers: {}, isUnexpected: false };
  }
  return { status: 500, code: fallback ?? 'INTERNAL_ERROR', message: 'the host failed to do this; its log says why', headers: {}, isUnexpected: true };
}

function retryHeaders(error: CortexError, status: number): Record<string, string> {
  if (status !== 503) return {};
  const retryAfterMs = (error as { retryAfterMs?: unknown }).retryAfterMs;
  return { 'retry-after': String(Math.max(1, Math.ceil((typeof retryAfterMs === 'number' ? retryAfterMs : 30_000) / 1_000))) };
}
