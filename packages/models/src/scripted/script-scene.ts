import type { JsonValue } from '@cortex-runtime/core';

import type { ModelMessage, ModelRequest } from '../model-provider.ts';

type ToolMessage = Extract<ModelMessage, { role: 'tool' }>;

/** What a script sees of a request. */
export interface ScriptScene {
  /** Text of the last user message, payload included. */
  user: string;
  triggerType: string | undefined;
  /** The trigger's payload: JSON where it is JSON, else text; undefined when the message holds none. */
  payload: JsonValue | undefined;
  turn: number;
  /** Tool results that came since the last answer of the model; empty on the first turn. */
  fresh: readonly ToolMessage[];
  /** Every tool result since the last user message. */
  results: readonly ToolMessage[];
  run: { runId: string; processName: string } | undefined;
}

export function readScene(request: ModelRequest): ScriptScene {
  const { messages } = request;
  const lastUser = messages.findLastIndex((message) => message.role === 'user');
  const lastAnswer = messages.findLastIndex((message) => message.role === 'assistant');
  const user = messages[lastUser]?.content ?? '';
  const since = messages.slice(lastUser + 1);
  const results = since.filter((message) => message.role === 'tool');
  const found = findPayload(user);
  return {
    user,
    triggerType: request.run?.triggerType ?? /^\[Trigger: ([\w-]+)\]/m.exec(found?.around ?? user)?.[1],
    payload: found?.payload,
    turn: request.run?.turn ?? 1 + since.filter((message) => message.role === 'assistant').length,
    fresh: lastAnswer > lastUser ? messages.slice(lastAnswer + 1).filter((message) => message.role === 'tool') : [],
    results,
    run: request.run,
  };
}

/** The payload that the run loop fenced off, and the text around it. The closing tag must carry the nonce of the opening one. */
function findPayload(user: string): { payload: JsonValue; around: string } | undefined {
  const match = /<(untrusted-trigger-payload-\w+)>([\s\S]*?)<\/\1>/.exec(user);
  if (match === null) return undefined;
  const text = (match[2] ?? '').trim();
  return { payload: jsonOrText(text), around: user.slice(0, match.index) + user.slice(match.index + match[0].length) };
}

/** The value that a text is the JSON of, or else the text. */
export function jsonOrText(text: string): JsonValue {
  if (!/^\s*[[{"\d-]|^\s*(true|false|null)\s*$/.test(text)) return text;
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return text;
  }
}
