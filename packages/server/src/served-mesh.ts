import type { JsonObject, JsonValue } from '@cortex-runtime/core';

/** A task that the bus has. */
export interface ServedTask {
  readonly taskId: string;
  readonly stream: string;
  readonly msgId: string;
  /** Who it was sent to; null when any agent of the domain may take it. */
  readonly agent: string | null;
  readonly domain: string | null;
  /** Why it went there: `agent` and `domain` when the caller said so, else the rule by which it was routed. */
  readonly rule: string;
  /** It had been handed in before. */
  readonly isDuplicate: boolean;
}

/** What somebody wants done. */
export interface NewServedTask {
  text: string;
  /** The same when it is handed in again. */
  taskId?: string;
  /** Without both, it is routed: by its @mentions, its thread, its domain words. */
  agent?: string;
  domain?: string;
  priority?: 'low' | 'normal' | 'high' | 'urgent';
  sender?: string;
  senderId?: string;
  threadId?: string;
  metadata?: JsonObject;
}

/** What the HTTP API needs of the mesh that a host is part of. Errors carry codes: TASK_NOT_FOUND, NOBODY_THERE, DISPATCH_CONFLICT, BUS_FULL, BUS_CONNECTION, INVALID_INPUT. */
export interface ServedMesh {
  /** Agents that are known anywhere, with where they run. In document form. */
  agents(): Promise<readonly object[]>;
  /** Resolves when the task is on the bus. @throws an error with code NOBODY_THERE when it was to be routed and no agent is there for it */
  submit(task: NewServedTask): Promise<ServedTask>;
  /**
   * The result in document form as soon as there is one; undefined when there is none within `waitMs`.
   *
   * @throws an error with code TASK_NOT_FOUND when no such task was handed in through this API lately
   */
  result(taskId: string, waitMs: number, signal?: AbortSignal): Promise<object | undefined>;
  /** Takes a task back. @returns whether nobody begins it any more; false: it has its outcome, or its agent was asked to stop @throws an error with code TASK_NOT_FOUND */
  cancel(taskId: string, options: { by: string; reason?: string }): Promise<boolean>;
  /** Tells everybody who listens. @returns the event's id */
  emit(event: { eventType: string; data: JsonValue; source: string; eventId?: string; cause?: readonly string[] }): Promise<string>;
  /** @returns the message's id */
  publish(topic: string, message: { content: JsonValue; sender: string; session?: JsonObject; messageId?: string; cause?: readonly string[] }): Promise<string>;
  /** In document form: whether it is shared with other hosts, where it is, whether it answers. Never rejects. */
  health(): Promise<{ ok: boolean } & JsonObject>;
}
