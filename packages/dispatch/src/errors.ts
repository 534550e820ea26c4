import { CortexError } from '@cortex-runtime/core';

import type { SubmittedTask } from './client/submitted-task.ts';
import type { TaskPayload } from './task/task-payload.ts';

/** Base of everything that dispatching throws on purpose. */
export class DispatchError extends CortexError {
  readonly code: string = 'DISPATCH_ERROR';
}

/** The message id belongs to a message with another content. Nothing was dispatched. */
export class MessageConflictError extends DispatchError {
  override readonly code = 'DISPATCH_CONFLICT';
  readonly messageId: string;
  /** The task of the first message. */
  readonly taskId: string;

  constructor(messageId: string, taskId: string, options?: ErrorOptions) {
    super(`the message id ${JSON.stringify(messageId)} belongs to task ${taskId}, whose content is different; give a new message a new id`, options);
    this.messageId = messageId;
    this.taskId = taskId;
  }
}

/** Some of several tasks are not on the bus. The others are. */
export class TasksNotSubmittedError extends DispatchError {
  override readonly code = 'DISPATCH_NOT_SUBMITTED';
  /** Whether all that were refused may be taken later. */
  override readonly retryable: boolean;
  /** Those that the bus has. */
  readonly submitted: readonly SubmittedTask[];
  /** The others, complete: handing them in again as they are is safe. */
  readonly refused: readonly { readonly task: TaskPayload; readonly error: Error }[];

  constructor(submitted: readonly SubmittedTask[], refused: readonly { task: TaskPayload; error: Error }[]) {
    super(`${refused.length} of ${submitted.length + refused.length} tasks are not on the bus; \`refused\` has each with its reason, to be handed in again as it is`, { cause: refused[0]?.error });
    this.submitted = submitted;
    this.refused = refused;
    this.retryable = refused.every(({ error }) => CortexError.is(error) && error.retryable);
  }
}

/** A task took longer than it may. */
export class TaskTimeoutError extends DispatchError {
  override readonly code = 'DISPATCH_TIMEOUT';

  constructor(taskId: string, limitMs: number, options?: ErrorOptions) {
    super(`task ${taskId} took longer than ${limitMs} ms (taskTimeoutMs) and was cut off`, options);
  }
}

/** Somebody took the task back. */
export class TaskCancelledError extends DispatchError {
  override readonly code = 'DISPATCH_CANCELLED';

  constructor(taskId: string, options?: ErrorOptions) {
    super(`task ${taskId} was cancelled`, options);
  }
}

/** The agent does not take tasks like this one: a filter of its trigger says so. */
export class TaskRefusedError extends DispatchError {
  override readonly code = 'DISPATCH_REFUSED';

  constructor(agent: string, taskId: string) {
    super(`agent ${JSON.stringify(agent)} does not take task ${taskId}: the filter of its trigger said no`);
  }
}

/** The agent said by itself that it failed. */
export class AgentFailedError extends DispatchError {
  override readonly code = 'DISPATCH_AGENT_FAILED';

  constructor(message: string, options?: ErrorOptions & { retryable?: boolean }) {
    super(message, options);
    Object.defineProperty(this, 'retryable', { value: options?.retryable === true });
  }
}

/** The agent ended without saying anything. */
export class EmptyAnswerError extends DispatchError {
  override readonly code = 'DISPATCH_EMPTY_ANSWER';

  constructor() {
    super('the agent ended without an answer');
  }
}

/** No result came in time. The task goes on; its result is on the results stream when there is one. */
export class ResultTimeoutError extends DispatchError {
  override readonly code = 'DISPATCH_RESULT_TIMEOUT';
  override readonly retryable = true;
  readonly taskId: string;

  constructor(taskId: string, waitedMs: number, options?: ErrorOptions) {
    super(`there was no result of task ${taskId} within ${waitedMs} ms; the task goes on, and asking again is safe`, options);
    this.taskId = taskId;
  }
}

/** The channel did not take what it was given. */
export class ChannelError extends DispatchError {
  override readonly code = 'DISPATCH_CHANNEL';
  override readonly retryable = true;
}

/** The channel can not be opened the way it was asked to. */
export class ChannelStartError extends DispatchError {
  override readonly code = 'DISPATCH_CHANNEL_START';
}

/** What is known of agents, threads and claims could not be read or written. Nothing was decided; the same call again is safe. */
export class DispatchStoreError extends DispatchError {
  override readonly code = 'DISPATCH_STORE';
  /** False when the server refused: its word is the cause, and somebody has to change something. */
  override readonly retryable: boolean;

  /** @param purpose - what could not be done, such as `claim message m-1` */
  constructor(purpose: string, options: ErrorOptions & { retryable: boolean }) {
    super(`could not ${purpose}; ${options.retryable ? 'check that the Redis server runs and can be reached, then try again' : 'the server refused it, or has what can not be read'}`, options);
    this.retryable = options.retryable;
  }
}
