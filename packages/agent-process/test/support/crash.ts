import type { Clock, Disk, DiskFile, JsonValue } from '@cortex-runtime/core';
import { nodeDisk, systemClock } from '@cortex-runtime/core/node';
import { checkHistory, type JournalEntry } from '@cortex-runtime/journal';
import type { ProcessConfig } from '@cortex-runtime/manifest';
import { createWebhookRoutes, type WebhookRoutes } from '@cortex-runtime/triggers';

import type { AgentProcess, AgentRuntime } from '../../src/index.ts';
import { fileJournal } from './journals.ts';
import { eventually, testRuntime, type TestRuntimeOptions } from './test-runtime.ts';

export type LifeOptions = Omit<TestRuntimeOptions, 'journal'> & { disk?: Disk };

/** One life of a host over a directory. A next life over the same directory, without a stop in between, is what a crash makes of it. */
export async function life(directory: string, options: LifeOptions = {}): Promise<{ runtime: AgentRuntime; webhookRoutes: WebhookRoutes; start(config: ProcessConfig, name?: string): Promise<AgentProcess> }> {
  const { disk, ...rest } = options;
  const journal = await fileJournal(directory, { ...(disk === undefined ? {} : { disk }), ...(rest.clock === undefined ? {} : { clock: rest.clock }) });
  const webhookRoutes = createWebhookRoutes();
  const runtime = await testRuntime({ journal, ...rest, deps: { webhookRoutes, ...rest.deps } });
  return {
    runtime,
    webhookRoutes,
    async start(config, name = 'worker') {
      const process = await runtime.addProcess(name, config);
      await process.start();
      return process;
    },
  };
}

/** The real clock, set to another time; `set` moves it on. */
export function shiftedClock(startAt: number): Clock & { moveTo(at: number): void } {
  let offset = startAt - systemClock.now();
  return {
    ...systemClock,
    now: () => systemClock.now() + offset,
    moveTo(at) {
      offset = at - systemClock.now();
    },
  };
}

/** The real disk with some calls of its files replaced. */
export function changedDisk(change: (file: DiskFile, path: string) => Partial<DiskFile>): Disk {
  return {
    ...nodeDisk,
    async open(path, mode, options) {
      const file = await nodeDisk.open(path, mode, options);
      return { ...file, ...change(file, path) };
    },
  };
}

export function ofType(entries: readonly JournalEntry[], entryType: string): JournalEntry[] {
  return entries.filter((entry) => entry.entryType === entryType);
}

/** What the history checker says about a log that is over, once everything of it is on disk; nothing when all is well. */
export async function violations(process: AgentProcess): Promise<unknown[]> {
  await eventually(() => process.status().running_runs === 0);
  return checkHistory(await process.readJournal(), { isFinal: true }).violations;
}

/** Delivers a webhook as GitHub does, and gives the status of the answer. */
export async function deliver(routes: WebhookRoutes, processName: string, path: string, delivery: string, payload: JsonValue = { action: 'opened' }): Promise<[status: number, outcome: unknown]> {
  const route = routes.find(processName, path);
  if (route === undefined) return [404, 'not found'];
  const answer = await route.handle({
    method: 'POST',
    path,
    query: {},
    headers: { 'content-type': 'application/json', 'x-webhook-delivery': delivery },
    body: new TextEncoder().encode(JSON.stringify(payload)),
    remote: '127.0.0.1',
  });
  return [answer.status, (answer.body as { status?: unknown }).status];
}
