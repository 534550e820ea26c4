import { assertJsonValue, describeError, type JsonValue } from '@cortex-runtime/core';

/** A body that can not become a payload, with the HTTP status that says so. */
export class BodyError extends Error {
  override readonly name = 'BodyError';
  readonly status: 400 | 415;

  constructor(status: 400 | 415, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * The payload of a body: JSON when the content type says so or the text is a JSON object or list, else the text. Nothing is null.
 *
 * @throws BodyError 400 for broken JSON or JSON that can not be kept unaltered, 415 for bytes that are no UTF-8
 */
export function readBody(body: Uint8Array, contentType: string | undefined): JsonValue {
  if (body.length === 0) return null;
  const text = readText(body);
  if (isJsonType(contentType)) return readJson(text);
  if (/^\s{0,100}[[{]/.test(text)) {
    try {
      return readJson(text);
    } catch (error) {
      if (!(error instanceof BodyError)) throw error;
    }
  }
  return wellFormed(text);
}

/** @throws BodyError 415 */
export function readText(body: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    throw new BodyError(415, 'the body is not UTF-8 text; send text, JSON, or a CloudEvent with data_base64');
  }
}

/** @throws BodyError 400 */
export function readJson(text: string): JsonValue {
  let value: unknown;
  try {
    // JSON has a negative zero and a journal has not: it is read as zero.
    value = text.includes('-0') ? JSON.parse(text, (_key, item: unknown) => (item === 0 ? 0 : item)) : JSON.parse(text);
  } catch {
    throw new BodyError(400, 'the body is not valid JSON');
  }
  try {
    assertJsonValue(value, 'body', 100);
  } catch (error) {
    throw new BodyError(400, describeError(error));
  }
  return value;
}

export function isJsonType(contentType: string | undefined): boolean {
  const type = mediaType(contentType);
  return type === 'application/json' || type === 'text/json' || type.endsWith('+json');
}

/** `application/json` of `Application/JSON; charset=utf-8`. */
export function mediaType(contentType: string | undefined): string {
  return (contentType ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

function wellFormed(text: string): string {
  return text.toWellFormed();
}
