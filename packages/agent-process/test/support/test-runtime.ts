import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { idGenerator, parseDocument, silentLogger, type Clock, type JsonObject, type JsonValue, type Logger } from '@cortex-runtime/core';
import { nodeDisk, nodeNet, systemClock, systemRandom } from '@cortex-runtime/core/node';
import type { Journal } from '@cortex-runtime/journal';
import { ProcessConfig } from '@cortex-runtime/manifest';
import type { ModelProvider, ModelRequest } from '@cortex-runtime/models';
import { fromScript, ModelScript } from '@cortex-runtime/models/scripted';
import type { Tool } from '@cortex-runtime/plugins';
import { createWebhookRoutes, cronScheduler } from '@cortex-runtime/triggers';
import { onTestFinished } from 'vitest';

import { AgentRuntime, type RuntimeDependencies, type RuntimeOptions } from '../../src/index.ts';

/** A model that calls one tool with the event's payload, then says what came of it. */
export const callsTool = (name: string, args: JsonObject = {}): JsonObject => ({
  rules: [
    { when: { turn: 1 }, respond: { tool_calls: [{ name, arguments: args }] } },
    { when: { after_tool: 'any' }, respond: { text: 'done: {{result}}' } },
  ],
  fallback: { text: 'done' },
});

export const saysDone: JsonObject = { fallback: { text: 'done' } };

export interface TestRuntimeOptions {
  journal: Journal;
  script?: JsonObject;
  tools?: readonly Tool[];
  clock?: Clock;
  logger?: Logger;
  /** Called before every model call; throws to make it fail. */
  onModelCall?: (request: ModelRequest) => void | Promise<void>;
  runtime?: RuntimeOptions;
  deps?: Partial<RuntimeDependencies>;
}

/** A runtime over real parts, with the scripted model. It is closed with the test. */
export async function testRuntime(options: TestRuntimeOptions): Promise<AgentRuntime> {
  const clock = options.clock ?? systemClock;
  const logger = options.logger ?? silentLogger;
  const scheduler = cronScheduler(clock);
  const model = fromScript({ clock, logger: silentLogger }, 'scripted:test', parseDocument(ModelScript, options.script ?? saysDone));
  const watched: ModelProvider = {
    modelId: model.modelId,
    isLanguageModel: model.isLanguageModel,
    async *stream(request) {
      await options.onModelCall?.(request);
      yield* model.stream(request);
    },
  };
  const deps: RuntimeDependencies = {
    clock,
    random: systemRandom,
    disk: nodeDisk,
    net: nodeNet,
    logger,
    createId: idGenerator({ clock, random: systemRandom }),
    environment: { AGENT_REGION: 'eu', SECRET: 'no' },
    openJournal: async () => options.journal,
    createModel: async () => watched,
    createToolSource: (name) => ({ name, tools: async () => [], close: async () => {} }),
    tools: options.tools ?? [],
    costOf: () => 0,
    scheduler,
    webhookRoutes: createWebhookRoutes(),
    ...options.deps,
  };
  const runtime = new AgentRuntime(deps, options.runtime);
  onTestFinished(async () => {
    await runtime.close();
    scheduler.close();
  });
  return runtime;
}

/** A configuration from its document, with quick retries. */
export function testConfig(document: JsonObject = {}): ProcessConfig {
  return parseDocument(ProcessConfig, { model: 'scripted:test', stop_grace: '10ms', ...document, trigger_delivery: { retry_backoff: '1ms', ...(document['trigger_delivery'] as JsonObject | undefined) } });
}

export async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'cortex-test-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));
  return directory;
}

/** Waits until `check` gives something, for real I/O; fails with the last state after ten seconds. */
export async function eventually<T>(check: () => T | undefined | false | Promise<T | undefined | false>, what = 'the condition'): Promise<T> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    const value = await check();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > deadline) throw new Error(`${what} did not come true within ten seconds`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export function payloadOf(value: JsonValue): { payload: JsonValue } {
  return { payload: value };
}
