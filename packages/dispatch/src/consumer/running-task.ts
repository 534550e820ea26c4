import type { Delivery } from '@cortex-runtime/bus';
import type { Clock, StreamChunk } from '@cortex-runtime/core';

import { TaskCancelledError, TaskTimeoutError } from '../errors.ts';
import type { TaskPayload } from '../task/task-payload.ts';
import { collectAnswer, newAnswer, type Answer } from './collect-answer.ts';
import type { ExecuteTask, TaskContext } from './task-context.ts';

/** Why a task ended before its agent did. */
export type CutOff =
  /** It is somebody else's now, or was given back: there is nothing to say about it here. */
  | { reason: 'lost' }
  | { reason: 'failed'; error: Error };

export interface RunningTaskInput {
  payload: TaskPayload;
  delivery: Delivery;
  prompt: string;
  context: TaskContext;
  execute: ExecuteTask;
  workingDirectory: string | undefined;
  cleanupMs: number;
  clock: Clock;
  onChunk: (chunk: StreamChunk) => void;
}

/**
 * One task while its agent works on it.
 *
 * Most tasks end before anybody looks at them a second time: what costs something (a signal, a listener) is made when it is first needed, by the agent or by `watch`.
 *
 * States: running → ended, or cut off; what the agent says after that is not heard.
 */
export class RunningTask {
  readonly payload: TaskPayload;
  readonly answer: Answer = newAnswer();
  /** Monotonic. */
  readonly startedAt: number;
  readonly #input: RunningTaskInput;
  #abort: AbortController | undefined;
  #cutOff: CutOff | undefined;
  #end: (() => void) | undefined;
  #iterator: AsyncIterator<StreamChunk> | undefined;
  #read: Promise<void> | undefined;
  #isWatched = false;

  constructor(input: RunningTaskInput) {
    this.#input = input;
    this.payload = input.payload;
    this.startedAt = input.clock.monotonic();
  }

  get isWatched(): boolean {
    return this.#isWatched;
  }

  /** Why it was cut off. */
  get cutOff(): CutOff | undefined {
    return this.#cutOff;
  }

  /** Resolves when the agent has ended, or was cut off: then `cleanUp` is next. @throws what the agent throws */
  run(): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      this.#end = resolve;
      this.#read = this.#begin();
      this.#read.then(resolve, reject);
    });
  }

  #begin(): Promise<void> {
    const { execute, prompt, context, workingDirectory, payload, onChunk } = this.#input;
    const signal = () => this.#signal();
    this.#iterator = execute(prompt, {
      context, workingDirectory, idempotencyKey: payload.taskId,
      get signal() {
        return signal(); // made when it is asked for
      },
    })[Symbol.asyncIterator]();
    return collectAnswer(this.#iterator, this.answer, (chunk) => {
      if (this.#cutOff === undefined) onChunk(chunk);
    });
  }

  /** Looks after a task that takes long: its time, and whether it is still this process's. */
  watch(taskTimeoutMs: number): void {
    const { delivery, clock } = this.#input;
    if (!this.#isWatched) {
      this.#isWatched = true;
      if (delivery.signal.aborted) this.cut({ reason: 'lost' });
      else delivery.signal.addEventListener('abort', () => this.cut({ reason: 'lost' }), { once: true });
    }
    if (taskTimeoutMs > 0 && clock.monotonic() - this.startedAt >= taskTimeoutMs) this.cut({ reason: 'failed', error: new TaskTimeoutError(this.payload.taskId, taskTimeoutMs) });
  }

  /** Ends it now: the agent is told, and what it says is not heard any more. */
  cut(cutOff: CutOff): void {
    if (this.#cutOff !== undefined) return;
    this.#cutOff = cutOff;
    this.#abort?.abort(this.#reason(cutOff));
    this.#end?.();
  }

  #signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      this.watch(0);
      if (this.#cutOff !== undefined) this.#abort.abort(this.#reason(this.#cutOff));
    }
    return this.#abort.signal;
  }

  #reason(cutOff: CutOff): Error {
    return cutOff.reason === 'lost' ? new TaskCancelledError(this.payload.taskId) : cutOff.error;
  }

  /** Of a task that was cut off: tells the agent to end. One that does not is not waited for. */
  async cleanUp(): Promise<void> {
    const { clock, cleanupMs } = this.#input;
    this.#signal();
    let timer: { cancel(): void } | undefined;
    const patience = new Promise<void>((resolve) => (timer = clock.setTimer(cleanupMs, resolve, { keepAlive: false })));
    // `return` waits for the `next` that is under way.
    const ended = Promise.allSettled([this.#read, Promise.resolve().then(() => this.#iterator?.return?.())]);
    await Promise.race([ended, patience]);
    timer?.cancel();
  }
}
