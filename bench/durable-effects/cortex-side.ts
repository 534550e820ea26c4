/** Runs of durable effects through the effect log of agents, over one file journal on a real disk. */
import { mkdirSync } from 'node:fs';

import { idGenerator, parseDocument, silentLogger, type JsonObject } from '@cortex-runtime/core';
import { nodeDisk, nodeNet, systemClock, systemRandom } from '@cortex-runtime/core/node';
import { AgentRuntime, processProjections, type ProcessProjections } from '@cortex-runtime/agent-process';
import { EffectLog, FileJournal, ProcessLog, soleOwnerLock, type Journal } from '@cortex-runtime/journal';
import { ProcessConfig, processConfigToDocument } from '@cortex-runtime/manifest';
import type { ModelProvider } from '@cortex-runtime/models';
import { functionTool } from '@cortex-runtime/plugins';
import { createWebhookRoutes, cronScheduler, triggerEventToDocument } from '@cortex-runtime/triggers';

import { nanosecondsOf } from './nanoseconds.mjs';

type OnUnknown = 'retry' | 'ask';
interface Load {
  agents: number;
  effectsPerRun: number;
  onUnknown: OnUnknown;
}

const createId = idGenerator({ clock: systemClock, random: systemRandom });
const config = parseDocument(ProcessConfig, { model: 'bench', max_turns: 1_000, journal: { level: 'full' } });
let journal: Journal;
let agentsMade = 0;

interface Agent {
  log: ProcessLog<ProcessProjections>;
  effects: EffectLog;
}

/** An agent with every part of its state, as a host has it. */
async function deployedAgent(): Promise<Agent> {
  agentsMade += 1;
  const log = new ProcessLog({ journal }, { processId: `agent-${agentsMade}`, projections: processProjections });
  await log.recover();
  await log.record([{ entryType: 'process_deployed', data: { config: processConfigToDocument(config), digest: 'bench', base_directory: '/' } }]).durable;
  return { log, effects: new EffectLog({ log, clock: systemClock }) };
}

/** One run: its event, its effects and its result, each on disk before the next. */
async function runOf({ log, effects }: Agent, { effectsPerRun, onUnknown }: Omit<Load, 'agents'>, each?: (nanoseconds: number) => void): Promise<void> {
  const runId = createId();
  const event = { triggerId: 'bench', triggerType: 'cron', eventId: createId(), timestamp: systemClock.now(), payload: { customer: 4711 }, metadata: {}, cause: [] };
  await log.record([{ entryType: 'trigger_event', cause: [], data: { ...triggerEventToDocument(event) } }]).durable;
  void log.record([{ entryType: 'invocation_start', runId, cause: [event.eventId], data: { invocation: 1, event_id: event.eventId, attempt: 1 } }]).durable;
  for (let index = 0; index < effectsPerRun; index += 1) {
    const effect = { effectId: `${runId}/${index}`, runId, kind: 'tool' as const, name: 'look_up', input: { order: index }, details: { tool_call_id: `call-${index}` }, onUnknown };
    const begun = each === undefined ? 0 : nanosecondsOf();
    await effects.run(effect, async () => resultOf(index));
    each?.(nanosecondsOf() - begun);
  }
  const data = { invocation: 1, event_id: event.eventId, trigger_type: 'cron', status: 'completed', duration_ms: 1, response: 'done', messages: [], turns: 1, tool_calls: effectsPerRun, usage: { input_tokens: 0, output_tokens: 0, cached_input_tokens: 0 }, cost: 0 };
  await log.record([{ entryType: 'invocation_result', runId, cause: [event.eventId], data }]).durable;
}

const resultOf = (index: number): JsonObject => ({ content: JSON.stringify({ order: index, state: 'on its way', carrier: 'ground' }) });

/** Whole agents: the mailbox, the run loop, a model that answers at once, a tool, streaming. Each turn is two effects. */
async function wholeRuns({ agents, effectsPerRun }: Load): Promise<number> {
  const turns = effectsPerRun / 2;
  const model: ModelProvider = {
    modelId: 'bench',
    isLanguageModel: false,
    async *stream({ run }) {
      const turn = run?.turn ?? 1;
      const usage = { inputTokens: 10, outputTokens: 10, cachedInputTokens: 0 };
      if (turn <= turns) yield { type: 'tool_call', toolCall: { id: `call-${turn}`, name: 'look_up', arguments: { order: turn } } };
      else yield { type: 'text', text: 'done' };
      yield { type: 'finish', reason: turn <= turns ? 'tool_calls' : 'stop', usage };
    },
  };
  const scheduler = cronScheduler(systemClock);
  const tool = functionTool({ name: 'look_up', description: 'Looks an order up.', input: { type: 'object' }, onUnknown: 'retry', execute: (args) => resultOf(Number((args as JsonObject)['order'])) });
  const runtime = new AgentRuntime({
    clock: systemClock, random: systemRandom, disk: nodeDisk, net: nodeNet, logger: silentLogger, createId, environment: {}, scheduler, webhookRoutes: createWebhookRoutes(),
    openJournal: async () => journal,
    createModel: async () => model,
    createToolSource: (name) => ({ name, tools: async () => [], close: async () => {} }),
    tools: [tool],
    costOf: () => 0,
  });
  const processes = [];
  for (let index = 0; index < agents; index += 1) {
    agentsMade += 1;
    processes.push(await runtime.addProcess(`whole-${agentsMade}`, config));
  }
  await runtime.startAll();
  const begun = nanosecondsOf();
  await Promise.all(processes.map(async (process) => {
    const ended = new Promise<void>((resolve) => {
      const stop = process.subscribe(({ chunk }) => {
        if (chunk.kind !== 'complete') return;
        stop();
        resolve();
      });
    });
    await process.inject({ payload: { customer: 4711 } });
    await ended;
  }));
  const seconds = (nanosecondsOf() - begun) / 1e9;
  await runtime.close();
  scheduler.close();
  return (agents * effectsPerRun) / seconds;
}

export const operations = {
  async open(directory: string): Promise<void> {
    mkdirSync(directory, { recursive: true });
    journal = await FileJournal.open({ disk: nodeDisk, clock: systemClock, createId, lock: soleOwnerLock() }, { directory });
  },
  /** Effects per second of runs at the same time, one an agent. */
  async throughput(load: Load): Promise<number> {
    const all = await Promise.all(Array.from({ length: load.agents }, deployedAgent));
    const begun = nanosecondsOf();
    await Promise.all(all.map((agent) => runOf(agent, load)));
    return (load.agents * load.effectsPerRun) / ((nanosecondsOf() - begun) / 1e9);
  },
  /** Milliseconds of each effect, one after another. */
  async latency({ effectsPerRun, onUnknown }: Load): Promise<number[]> {
    const agent = await deployedAgent();
    const milliseconds: number[] = [];
    await runOf(agent, { effectsPerRun, onUnknown }, (nanoseconds) => milliseconds.push(nanoseconds / 1e6));
    return milliseconds;
  },
  wholeRuns,
};
