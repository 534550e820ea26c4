import type { JsonObject, JsonValue } from '@cortex-runtime/core';

import { BodyError, isJsonType, mediaType, readBody, readJson, readText } from './read-body.ts';
import type { WebhookRequest } from './webhook-routes.ts';

/** A CloudEvent, taken out of HTTP. */
export interface CloudEvent {
  id: string;
  source: string;
  /** Every context attribute, extensions too. */
  attributes: JsonObject;
  data: JsonValue;
}

const requiredAttributes = ['specversion', 'id', 'source', 'type'] as const;
const maxAttributes = 64;
const maxAttributeLength = 8_192;

/**
 * The CloudEvent of a request, in binary or in structured mode; undefined when the request is none.
 *
 * @throws BodyError 400 when an attribute is missing or wrong, 415 for batches and for formats other than JSON
 * @see https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
 */
export function readCloudEvent(request: WebhookRequest): CloudEvent | undefined {
  const type = mediaType(request.headers['content-type']);
  if (type.startsWith('application/cloudevents-batch')) throw new BodyError(415, 'batches of CloudEvents are not taken; send one event per request');
  if (type.startsWith('application/cloudevents')) {
    if (type !== 'application/cloudevents+json' && type !== 'application/cloudevents') throw new BodyError(415, `${type} is not taken; send application/cloudevents+json`);
    return readStructured(request);
  }
  return request.headers['ce-specversion'] === undefined ? undefined : readBinary(request);
}

function readBinary(request: WebhookRequest): CloudEvent {
  const attributes: Record<string, JsonValue> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (name.startsWith('ce-')) setAttribute(attributes, name.slice(3), decodeHeader(value));
  }
  const contentType = request.headers['content-type'];
  if (contentType !== undefined) attributes['datacontenttype'] = contentType;
  return finish(attributes, readBody(request.body, contentType));
}

function readStructured(request: WebhookRequest): CloudEvent {
  const document = readJson(readText(request.body));
  if (typeof document !== 'object' || document === null || Array.isArray(document)) throw new BodyError(400, 'a structured CloudEvent is a JSON object');
  const attributes: Record<string, JsonValue> = {};
  let data: JsonValue = null;
  let encoded: JsonValue | undefined;
  for (const [name, value] of Object.entries(document as JsonObject)) {
    if (value === undefined) continue;
    if (name === 'data') data = value;
    else if (name === 'data_base64') encoded = value;
    else setAttribute(attributes, name, value);
  }
  if (encoded !== undefined) {
    if (data !== null) throw new BodyError(400, 'a CloudEvent has data or data_base64, not both');
    data = decodeData(encoded, attributes['datacontenttype']);
  }
  return finish(attributes, data);
}

/** Bytes that are text become it; others stay in base64. */
function decodeData(encoded: JsonValue, contentType: JsonValue | undefined): JsonValue {
  if (typeof encoded !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(encoded)) throw new BodyError(400, 'data_base64 is not base64');
  const bytes = Buffer.from(encoded, 'base64');
  const type = typeof contentType === 'string' ? contentType : undefined;
  if (isJsonType(type)) return readBody(bytes, type);
  try {
    return readText(bytes).toWellFormed();
  } catch {
    return { data_base64: encoded };
  }
}

function setAttribute(attributes: Record<string, JsonValue>, name: string, value: JsonValue): void {
  if (!/^[a-z0-9]{1,64}$/.test(name)) throw new BodyError(400, `${JSON.stringify(name.slice(0, 70))} is no name of a CloudEvents attribute: lower-case letters and digits`);
  if (typeof value === 'object' && value !== null) throw new BodyError(400, `the CloudEvents attribute ${name} is not a simple value`);
  if (typeof value === 'string' && value.length > maxAttributeLength) throw new BodyError(400, `the CloudEvents attribute ${name} is longer than ${maxAttributeLength} characters`);
  if (Object.keys(attributes).length >= maxAttributes) throw new BodyError(400, `a CloudEvent has at most ${maxAttributes} attributes here`);
  if (value !== null) attributes[name] = value;
}

/** Header values carry what is not plain ASCII percent-encoded. */
function decodeHeader(value: string): string {
  if (!value.includes('%')) return value.toWellFormed();
  try {
    return decodeURIComponent(value);
  } catch {
    throw new BodyError(400, 'a CloudEvents header is not percent-encoded UTF-8');
  }
}

function finish(attributes: Record<string, JsonValue>, data: JsonValue): CloudEvent {
  for (const name of requiredAttributes) {
    const value = attributes[name];
    if (typeof value !== 'string' || value === '') throw new BodyError(400, `the CloudEvents attribute ${name} is missing or empty`);
  }
  if (attributes['specversion'] !== '1.0') throw new BodyError(400, `CloudEvents specversion ${JSON.stringify(attributes['specversion'])} is not known; send "1.0"`);
  return { id: String(attributes['id']), source: String(attributes['source']), attributes, data };
}
