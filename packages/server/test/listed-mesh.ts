import { CortexError, InvalidInputError, type JsonObject } from '@cortex-runtime/core';

import type { NewServedTask, ServedMesh, ServedTask } from '../src/index.ts';

/** An error of the packages below, known by its code. */
export class CodedError extends CortexError {
  readonly code: string;
  override readonly retryable: boolean;

  constructor(code: string, retryable = false) {
    super(`it is ${code}`);
    this.code = code;
    this.retryable = retryable;
  }
}

interface ListedTask {
  given: NewServedTask;
  result: Promise<object>;
  finish: (result: object) => void;
  isDone: boolean;
}

/** A mesh in lists: the HTTP layer is tested over it, the real one in the host. Its one agent is `forge`, of the domain `eng`; a wait lasts until `timeUp`. */
export class ListedMesh implements ServedMesh {
  readonly tasks = new Map<string, ListedTask>();
  readonly asked: unknown[] = [];
  /** Waits that are under way. */
  readonly waits = new Set<{ waitMs: number; signal: AbortSignal | undefined; timeUp: () => void }>();
  /** What everything fails with. */
  failure: Error | undefined;
  healthAnswer: () => Promise<{ ok: boolean } & JsonObject> = () => Promise.resolve({ ok: true, kind: 'memory', latency_ms: 1 });

  async agents(): Promise<readonly object[]> {
    this.#fail();
    return [{ name: 'forge', domains: ['eng'], primary_for: ['eng'], is_present: true, instances: [{ instance_id: 'host-1', active_tasks: 2 }] }, { name: 'scribe', is_present: false }];
  }

  async submit(task: NewServedTask): Promise<ServedTask> {
    this.#fail();
    const taskId = task.taskId ?? `task-${this.tasks.size}`;
    const known = this.tasks.get(taskId);
    if (known !== undefined && known.given.text !== task.text) throw new CodedError('DISPATCH_CONFLICT');
    const agent = task.agent ?? (task.domain === undefined ? /@(\w+)/.exec(task.text)?.[1] : null);
    if (agent === undefined) throw new CodedError('NOBODY_THERE');
    if (known === undefined) {
      let finish: (result: object) => void = () => {};
      const result = new Promise<object>((resolve) => (finish = resolve));
      const listed: ListedTask = { given: task, result, finish: (outcome) => ((listed.isDone = true), finish(outcome)), isDone: false };
      this.tasks.set(taskId, listed);
    }
    const rule = task.agent !== undefined ? 'agent' : task.domain !== undefined ? 'domain' : 'mention';
    return { taskId, stream: `tasks:${agent ?? task.domain ?? ''}`, msgId: '1-0', agent, domain: task.domain ?? null, rule, isDuplicate: known !== undefined };
  }

  async result(taskId: string, waitMs: number, signal?: AbortSignal): Promise<object | undefined> {
    this.#fail();
    const task = this.#known(taskId);
    if (task.isDone) return task.result;
    if (waitMs === 0) return undefined;
    let wait: { waitMs: number; signal: AbortSignal | undefined; timeUp: () => void } | undefined;
    const over = new Promise<undefined>((resolve, reject) => {
      wait = { waitMs, signal, timeUp: () => resolve(undefined) };
      this.waits.add(wait);
      signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    });
    return Promise.race([task.result, over]).finally(() => wait !== undefined && this.waits.delete(wait));
  }

  async cancel(taskId: string, options: { by: string; reason?: string }): Promise<boolean> {
    this.#fail();
    const task = this.#known(taskId);
    this.asked.push(['cancel', taskId, options]);
    return !task.isDone;
  }

  async emit(event: object & { eventId?: string }): Promise<string> {
    this.#fail();
    this.asked.push(['emit', event]);
    return event.eventId ?? 'event-0';
  }

  async publish(topic: string, message: object & { messageId?: string }): Promise<string> {
    this.#fail();
    if (/\s/.test(topic)) throw new InvalidInputError('topic', 'must be 1 to 512 characters without spaces');
    this.asked.push(['publish', topic, message]);
    return message.messageId ?? 'message-0';
  }

  health(): Promise<{ ok: boolean } & JsonObject> {
    return this.healthAnswer();
  }

  #known(taskId: string): ListedTask {
    const task = this.tasks.get(taskId);
    if (task === undefined) throw new CodedError('TASK_NOT_FOUND');
    return task;
  }

  #fail(): void {
    if (this.failure !== undefined) throw this.failure;
  }
}
