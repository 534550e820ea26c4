import { idGenerator, silentLogger, type JsonObject } from '@cortex-runtime/core';
import { systemRandom } from '@cortex-runtime/core/node';
import type { Journal } from '@cortex-runtime/journal';
import { createPluginRegistry, type PluginRegistry, type PluginResult, type ServicePlugin, type ToolSource } from '@cortex-runtime/plugins';
import { onTestFinished } from 'vitest';

import type { AgentProcess } from '../../src/index.ts';
import { ofType, shiftedClock } from './crash.ts';
import { callsTool, eventually, testConfig, testRuntime } from './test-runtime.ts';

export const pays = callsTool('shop__pay', { euros: '{{payload.euros}}' });
export const withShop = (more: JsonObject = {}) => testConfig({ plugins: { shop: {} }, ...more });

/** A shop whose `pay` needs an approval. `done` is the world that payments are counted in; it outlives every restart. */
export function shop(done: string[], pay?: (params: JsonObject, key: string) => Promise<PluginResult>): ServicePlugin {
  const parameters = { type: 'object', properties: { euros: {} }, required: ['euros'] };
  return {
    name: 'shop',
    version: '1.0.0',
    description: 'Pays.',
    setup: () => undefined,
    teardown: () => undefined,
    listActions: () => [
      { name: 'pay', description: 'Pays.', tier: 'confirm', parameters },
      { name: 'look', description: 'Looks.', isReadOnly: true },
      { name: 'close', description: 'Closes for ever.', tier: 'admin' },
    ],
    async executeAction(action, params, { idempotencyKey }) {
      done.push(`${action} ${String(params['euros'])}`);
      return (await pay?.(params, idempotencyKey)) ?? { success: true, data: { paid: params['euros'] ?? null } };
    },
    health: () => Promise.resolve({ plugin: 'shop', status: 'healthy' }),
  };
}

interface LifeOptions {
  plugin?: ServicePlugin;
  clock?: ReturnType<typeof shiftedClock>;
  script?: JsonObject;
  /** What a tool says reaches its run only after this. */
  held?: Promise<void>;
}

/** One life of a runtime and its registry over a journal. Another over the same journal, without a stop in between, is what a crash makes of it. */
export async function life(journal: Journal, { plugin = shop([]), clock = shiftedClock(Date.UTC(2026, 0, 1)), script = pays, held }: LifeOptions = {}) {
  const registry: PluginRegistry = createPluginRegistry({ clock, createId: idGenerator({ clock, random: systemRandom }), logger: silentLogger, journal }, { teardownTimeoutMs: 20 });
  await registry.register(plugin);
  let isDead = false;
  const runtime = await testRuntime({
    journal, clock, script,
    deps: {
      createPluginSource: (name, { allow, actions }) => later(registry.toolSource(name, { allow, actions }), held),
      isApprovalAnswered: async (id) => !isDead && (await registry.approval(id)).status !== 'pending',
    },
  });
  registry.watchApprovals(({ status, requestedBy }) => {
    if (status !== 'pending' && !isDead) void runtime.takeUpAnswered(requestedBy);
  });
  onTestFinished(() => registry.close());
  return {
    registry,
    runtime,
    async start(config = withShop(), name = 'clerk') {
      const process = await runtime.addProcess(name, config);
      await process.start();
      return process;
    },
    pending: () => eventually(async () => { const [request] = await registry.approvals('pending'); return request; }, 'a request for an approval'),
    /** From here on nothing reacts in this life: answers are left to the next. */
    die: () => (isDead = true),
  };
}

/** The tools of a source, whose answers and errors come no earlier than `held` resolves. */
function later(source: ToolSource, held: Promise<void> | undefined): ToolSource {
  if (held === undefined) return source;
  return { ...source, tools: async () => (await source.tools()).map((tool) => ({ ...tool, execute: (...given) => tool.execute(...given).finally(() => held) })) };
}

export const isParked = (process: AgentProcess) => eventually(() => process.state === 'awaiting' && process.status().running_runs === 0, 'the run to be parked');
export const isDone = (process: AgentProcess, runs = 1) => eventually(() => process.status().invocation_count === runs, 'the run to end');
export const answer = async (process: AgentProcess) => ofType(await process.readJournal(), 'invocation_result').at(-1)?.data['response'];
