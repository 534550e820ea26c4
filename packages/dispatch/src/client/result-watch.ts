import type { MessageBus, Tail } from '@cortex-runtime/bus';
import { describeError, type Logger } from '@cortex-runtime/core';

import { readTaskResult, type TaskResult } from '../task/task-result.ts';
import { RESULTS_STREAM } from '../task/task-streams.ts';

/** Results begin with the task's id, so most of those that nobody waits for need not be read. */
const beginning = /^\{"task_id":"([^"\\]+)"/;

/**
 * Sees every result that comes, without consuming any, and hands over those that somebody waits for.
 *
 * States: idle → watching (from the first time that somebody waits); `close` ends it.
 */
export class ResultWatch {
  readonly #bus: MessageBus;
  readonly #logger: Logger;
  /** By task id. */
  readonly #waiting = new Map<string, Set<(result: TaskResult) => void>>();
  #tail: Promise<Tail> | undefined;
  #isWatching = false;

  constructor(deps: { bus: MessageBus; logger: Logger }) {
    this.#bus = deps.bus;
    this.#logger = deps.logger;
  }

  /** Whether it sees what is published now. */
  get isWatching(): boolean {
    return this.#isWatching;
  }

  /** Resolves when a result that is published from now on reaches `listener`. @returns ends it */
  async wait(taskId: string, listener: (result: TaskResult) => void): Promise<() => void> {
    const listeners = this.#waiting.get(taskId) ?? new Set();
    this.#waiting.set(taskId, listeners.add(listener));
    const end = () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#waiting.get(taskId) === listeners) this.#waiting.delete(taskId);
    };
    this.#tail ??= this.#open();
    try {
      await this.#tail;
    } catch (error) {
      end();
      this.#tail = undefined;
      throw error;
    }
    return end;
  }

  async close(): Promise<void> {
    this.#waiting.clear();
    this.#isWatching = false;
    const tail = await this.#tail?.catch(() => undefined);
    await tail?.stop();
  }

  async #open(): Promise<Tail> {
    const tail = await this.#bus.tail(RESULTS_STREAM);
    this.#isWatching = true;
    void this.#run(tail);
    return tail;
  }

  async #run(tail: Tail): Promise<void> {
    for await (const { msgId, payload } of tail) {
      if (this.#waiting.size === 0) continue;
      const text = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString();
      const taskId = beginning.exec(text)?.[1];
      if (taskId !== undefined && !this.#waiting.has(taskId)) continue;
      try {
        const result = readTaskResult(JSON.parse(text));
        for (const listener of [...(this.#waiting.get(result.taskId) ?? [])]) listener(result);
      } catch (error) {
        this.#logger.warn({ msgId, error: describeError(error) }, 'an entry of the results stream is no result and was passed over');
      }
    }
  }
}
