import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { FakeModelCall, FakeModelReply } from '@cortex-runtime/models/testing/fake-model-server';

/** Names of the agents that the harness lets crash. */
export const crashAgents = { webhook: 'webhook-desk', file: 'file-desk', cron: 'cron-desk' } as const;

/** The tool that must not be executed twice. */
export const unrepeatableTool = 'add_value';

export interface CrashAgentsPlan {
  directory: string;
  modelBaseUrl: string;
  /** URL of the counting server over HTTP. */
  counterUrl: string;
  /** Arguments for `node` that run the counting server over stdio. */
  counterArguments: readonly string[];
}

/** Where the files of the file agent land. */
export const dropDirectory = (directory: string) => join(directory, 'drop');

/**
 * Writes the manifests of three agents: one wakes on signed webhooks and calls a server over HTTP, one on files and calls a server over stdio, one on every second
 * of the clock and calls the server over HTTP.
 */
export function writeCrashAgents(plan: CrashAgentsPlan, options: { cronListens: boolean } = { cronListens: true }): void {
  mkdirSync(join(plan.directory, 'agents'), { recursive: true });
  mkdirSync(dropDirectory(plan.directory), { recursive: true });
  const http = { url: plan.counterUrl };
  const stdio = { command: 'node', args: plan.counterArguments };
  const cron = { type: 'cron', cron_expression: '* * * * * *', cron_seconds: 'first', misfire: 'all', misfire_limit: 10_000, overlap: 'allow' };
  const agents = {
    [crashAgents.webhook]: { server: http, triggers: [{ type: 'webhook', webhook_path: '/in', signature_scheme: 'generic', hmac_secret: '${CRASH_SECRET}' }] },
    [crashAgents.file]: { server: stdio, triggers: [{ type: 'file_watch', watch_path: '../drop', watch_patterns: ['*.txt'], watch_events: ['created'], watch_debounce_seconds: 0.05, watch_stable_seconds: 0.05 }] },
    [crashAgents.cron]: { server: http, triggers: options.cronListens ? [cron] : [] },
  };
  for (const [name, { server, triggers }] of Object.entries(agents)) {
    const manifest = {
      version: '1.0',
      name,
      model: 'openai-compatible:fake',
      model_options: { base_url: plan.modelBaseUrl },
      instructions: 'Do what the payload says.',
      servers: { counter: server },
      triggers,
      journal: { level: 'full' },
      config: { concurrency: 4, max_consecutive_failures: 1_000, trigger_delivery: { max_retries: 8, retry_backoff: '50ms', retry_backoff_max: '500ms' }, context: { conversation_max_messages: 4 } },
    };
    writeFileSync(join(plan.directory, 'agents', `${name}.agent`), JSON.stringify(manifest, null, 2)); // JSON is YAML
  }
}

/** What a run does, one tool call in each turn: drawn from the event's id, so that a run that is taken up again gets the same answers. */
const plans: readonly (readonly string[])[] = [['add_value'], ['read_value', 'add_value'], ['set_value'], ['add_value', 'set_value'], ['add_value', 'add_value']];

/** The answers of the model: calls by the event's plan, then a word. Sometimes slow, sometimes cut off in the middle. */
export function crashAnswer(call: FakeModelCall): FakeModelReply {
  const start = call.messages.findLastIndex((message) => message.role === 'user');
  const eventId = /event_id=(\S+)/.exec(call.messages[start]?.content ?? '')?.[1] ?? 'none';
  const done = call.messages.slice(start + 1).filter((message) => message.role === 'tool').length;
  const digest = createHash('sha256').update(eventId).digest();
  const tool = plans[(digest[0] ?? 0) % plans.length]?.[done];
  const delayMs = ((digest[1] ?? 0) + done * 37) % 120;
  const toolName = call.tools.find((name) => name.endsWith(tool ?? '-'));
  return {
    ...(tool === undefined || toolName === undefined ? { text: `done ${eventId}` } : { toolCalls: [{ name: toolName, arguments: { value: `${eventId}#${done}` } }] }),
    delayMs,
    ...(call.number % 41 === 0 ? { fault: { kind: 'cut' } } : {}),
  };
}
