import { CortexError, describeError, documentFieldName, type DocumentError, type InvalidInputError } from '@cortex-runtime/core';
import { z } from 'zod';

import { HttpRefusal } from './http-refusal.ts';

/** How a failure looks from outside. */
export interface ProblemAnswer {
  status: number;
  headers: Readonly<Record<string, string>>;
  error: { code: string; message: string; fields?: string[] };
  /** Nobody foresaw it: it is logged, and its message stays inside. */
  isUnexpected: boolean;
}

/** Seconds after which what may pass should have. */
const retryAfterSeconds = 2;

/** The answer for anything that was thrown while a request was answered. */
export function problemAnswer(error: unknown): ProblemAnswer {
  if (error instanceof HttpRefusal) return makeAnswer(error.status, error.code, error.message, { headers: error.headers });
  if (CortexError.is(error)) {
    const { issues, field } = error as Partial<Pick<DocumentError, 'issues'> & Pick<InvalidInputError, 'field'>>;
    if (error.code === 'DOCUMENT_INVALID' && issues !== undefined) return makeAnswer(422, error.code, issues.map(({ path, message }) => `${path}: ${message}`).join('; '), { fields: issues.map(({ path }) => path) });
    if (error.code === 'INVALID_INPUT' && field !== undefined) return makeAnswer(422, error.code, error.message, { fields: [wireName(field)] });
    if (error.code === 'DISPATCH_CONFLICT') return makeAnswer(409, error.code, error.message);
    if (error.retryable) return makeAnswer(503, error.code, describeError(error));
  }
  return { ...makeAnswer(500, 'INTERNAL_ERROR', 'this could not be done; the log says why'), isUnexpected: true };
}

function makeAnswer(status: number, code: string, message: string, more: { headers?: Readonly<Record<string, string>>; fields?: string[] } = {}): ProblemAnswer {
  const headers = { ...(status === 503 ? { 'retry-after': String(retryAfterSeconds) } : {}), ...more.headers };
  return { status, headers, error: { code, message, ...(more.fields === undefined ? {} : { fields: more.fields }) }, isUnexpected: false };
}

/** `sender_id` of `message.senderId`: what is a message inside is the body outside. */
function wireName(field: string): string {
  return documentFieldName(field.replace(/^(message|metadata)\./, '').replace(/^metadata\./, ''), z.unknown());
}
