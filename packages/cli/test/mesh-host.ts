import { CortexError, nearestName, silentLogger, sleep, type JsonObject } from '@cortex-runtime/core';
import { systemClock, systemRandom } from '@cortex-runtime/core/node';
import { createServer, type CortexServer, type NewServedTask, type ServedMesh, type ServedRuntime } from '@cortex-runtime/server';
import { onTestFinished } from 'vitest';

import { workshop } from './cortex.ts';

const token = 'a-token-that-is-long-enough';

class MeshProblem extends CortexError {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** A mesh of two agents, of whom one is away; a test says what becomes of a task. */
export class OfficeMesh implements ServedMesh {
  readonly given = new Map<string, NewServedTask>();
  readonly results = new Map<string, object>();
  readonly told: unknown[] = [];
  list: readonly object[] = [
    { name: 'forge', domains: ['eng', 'ops'], primary_for: ['eng'], is_present: true, instances: [{ instance_id: 'host-1', active_tasks: 2 }, { instance_id: 'host-2', active_tasks: 1 }] },
    { name: 'scribe', domains: ['docs'], is_present: false },
  ];
  canRevoke = true;
  /** What comes of each task as soon as it is there. */
  answer: ((task: NewServedTask) => object) | undefined;
  readonly #asks = new Map<string, { wake: () => void; count: number }>();

  /** Requests that have asked for the result of a task. */
  askCount(taskId: string): number {
    return this.#asks.get(taskId)?.count ?? 0;
  }

  finish(taskId: string, result: object): void {
    this.results.set(taskId, { task_id: taskId, agent: 'forge', ...result });
    this.#asks.get(taskId)?.wake();
  }

  async agents(): Promise<readonly object[]> {
    return this.list;
  }

  async submit(task: NewServedTask) {
    const agent = task.agent ?? (task.domain === undefined ? (/@(\w+)/.exec(task.text)?.[1] ?? 'nobody') : null);
    if (agent !== null && !['forge', 'Forge', 'scribe'].includes(agent)) throw new MeshProblem('NOBODY_THERE', `no agent ${JSON.stringify(agent)} takes tasks; did you mean ${JSON.stringify(nearestName(agent, ['forge', 'scribe']) ?? 'nobody')}?`);
    const taskId = task.taskId ?? 'made-by-the-host';
    const isDuplicate = this.given.has(taskId);
    if (!isDuplicate) this.given.set(taskId, task);
    if (this.answer !== undefined) this.finish(taskId, this.answer(task));
    return { taskId, stream: 'tasks', msgId: '1-0', agent, domain: task.domain ?? null, rule: isDuplicate ? 'claim' : task.domain === undefined ? 'mention' : 'domain', isDuplicate };
  }

  async result(taskId: string, waitMs: number, signal?: AbortSignal): Promise<object | undefined> {
    this.#assertKnown(taskId);
    const come = new Promise<void>((wake) => this.#asks.set(taskId, { wake, count: this.askCount(taskId) + 1 }));
    if (!this.results.has(taskId) && waitMs > 0) await Promise.race([come, sleep(systemClock, waitMs, signal)]);
    return this.results.get(taskId);
  }

  async cancel(taskId: string, options: object): Promise<boolean> {
    this.#assertKnown(taskId);
    this.told.push(['cancel', taskId, options]);
    return this.canRevoke && !this.results.has(taskId);
  }

  async emit(event: object & { eventId?: string }): Promise<string> {
    this.told.push(['emit', event]);
    return event.eventId ?? 'event-1';
  }

  async publish(topic: string, message: object & { messageId?: string }): Promise<string> {
    this.told.push(['publish', topic, message]);
    return message.messageId ?? 'message-1';
  }

  health(): Promise<{ ok: boolean } & JsonObject> {
    return Promise.resolve({ ok: true });
  }

  #assertKnown(taskId: string): void {
    if (!this.given.has(taskId)) throw new MeshProblem('TASK_NOT_FOUND', `no task ${taskId} was handed in here`);
  }
}

/** No agents of its own. */
const emptyRuntime = { listProcesses: () => [], status: () => ({ processCount: 0, processes: {} }) } as unknown as ServedRuntime;

/** A real server over a mesh, which can be closed and come back at its address, and `cortex` pointed at it. */
export async function meshHost(mesh?: OfficeMesh) {
  const shop = workshop();
  let server: CortexServer | undefined;
  const open = async (port: number) => {
    server = createServer(
      {
        runtime: emptyRuntime, webhookRoutes: { add: () => () => {}, find: () => undefined }, clock: systemClock, random: systemRandom, logger: silentLogger,
        phase: () => 'ready', requestShutdown: () => {}, ...(mesh === undefined ? {} : { mesh }),
      },
      { token, closeGraceMs: 100 },
    );
    return server.listen('127.0.0.1', port);
  };
  const { url, port } = await open(0);
  onTestFinished(() => server?.close());
  const there = ['--url', url, '--token', token];
  return {
    close: () => server?.close(),
    comeBack: () => open(port),
    write: shop.write,
    cortex: (args: readonly string[], input?: string) => shop.cortex([...args, ...there], input),
    launch: (args: readonly string[], environment?: Record<string, string>) => shop.launch([...args, ...there], environment),
  };
}
