import { HttpError } from './errors.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** The JSON object in a body; an empty body is an empty object. @throws HttpError 400 INVALID_JSON */
export function parseJsonBody(bytes: Buffer): Record<string, unknown> {
  if (bytes.length === 0) return {};
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(bytes));
  } catch (error) {
    throw new HttpError(400, 'INVALID_JSON', `the body is not JSON: ${(error as Error).message.slice(0, 200)}`, { cause: error });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new HttpError(400, 'INVALID_JSON', 'the body must be a JSON object');
  return value as Record<string, unknown>;
}
