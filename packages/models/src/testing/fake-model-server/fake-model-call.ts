import type { JsonObject } from '@cortex-runtime/core';

import type { ModelFinishReason, ModelMessage, ModelUsage } from '../../model-provider.ts';

/** A request that the server got, in the provider's terms and in ours. */
export interface FakeModelCall {
  /** Counted from 1. */
  number: number;
  protocol: 'openai-responses' | 'chat-completions' | 'anthropic-messages' | 'gemini';
  path: string;
  model: string;
  messages: readonly ModelMessage[];
  /** Names of the tools that the model was offered. */
  tools: readonly string[];
  idempotencyKey: string | undefined;
  headers: Readonly<Record<string, string | undefined>>;
  /** As it came. */
  body: JsonObject;
}

/** How one answer goes wrong. */
export type FakeModelFault =
  /** An HTTP error instead of an answer. */
  | { kind: 'status'; status: number; message?: string; headers?: Readonly<Record<string, string>> }
  /** The connection is closed before anything is answered. */
  | { kind: 'refuse' }
  /** The connection is cut after half of the stream. */
  | { kind: 'cut' }
  /** The stream ends after half of it, as if it were complete. */
  | { kind: 'end_early' }
  /** The stream stops after half of it; `before` stops before the first byte. It goes on when the server is closed. */
  | { kind: 'stall'; before?: boolean }
  /** Half of the stream, then a line that is no JSON. */
  | { kind: 'bad_json' };

/** What the server answers. */
export interface FakeModelReply {
  text?: string;
  /** Arguments as an object, or as the exact text of the wire, which may be broken. */
  toolCalls?: readonly { id?: string; name: string; arguments: JsonObject | string }[];
  finish?: ModelFinishReason;
  usage?: Partial<ModelUsage>;
  fault?: FakeModelFault;
  /** Milliseconds before the answer begins. */
  delayMs?: number;
}

/** A reply with every gap filled. */
export interface CompleteReply {
  text: string;
  toolCalls: readonly { id: string; name: string; arguments: string }[];
  finish: ModelFinishReason;
  usage: ModelUsage;
}

/** A line of the event stream. */
export interface WireEvent {
  event?: string;
  data: unknown;
}

/** How one provider speaks. */
export interface WireProtocol {
  readonly name: FakeModelCall['protocol'];
  matches(path: string): boolean;
  read(body: JsonObject, path: string): { model: string; messages: ModelMessage[]; tools: string[] };
  /** The answer as the provider streams it. */
  events(reply: CompleteReply, model: string, number: number): WireEvent[];
  /** The last line, where the protocol has one that is no JSON. */
  readonly terminator?: string;
  errorBody(status: number, message: string): unknown;
}

/** Text in pieces, as models stream it. */
export const pieces = (text: string): string[] => text.match(/[\s\S]{1,12}/g) ?? [];

type Loose = Readonly<Record<string, unknown>>;

export const isRecord = (value: unknown): value is Loose => typeof value === 'object' && value !== null && !Array.isArray(value);
export const records = (value: unknown): Loose[] => (Array.isArray(value) ? value.filter(isRecord) : []);

/** The text of a content that is a string or a list of parts. */
export function contentText(content: unknown): string {
  if (typeof content === 'string') return content;
  return records(content).map((part) => (typeof part['text'] === 'string' ? part['text'] : '')).join('');
}

/** Arguments on the wire, which can be anything, as an object. */
export function argumentsObject(value: unknown): JsonObject {
  if (isRecord(value)) return value as JsonObject;
  try {
    const parsed: unknown = JSON.parse(String(value));
    return isRecord(parsed) ? (parsed as JsonObject) : {};
  } catch {
    return {};
  }
}
