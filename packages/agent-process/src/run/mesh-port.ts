import type { JsonObject, JsonValue } from '@cortex-runtime/core';

/** What an agent reaches other agents through. Everything is safe to do again under the same id. */
export interface MeshPort {
  /** Hands a task in. @throws an error with code NOBODY_THERE when no agent is known for it */
  submit(task: { taskId: string; text: string; agent?: string; domain?: string; sender: string; senderId: string; metadata: JsonObject }): Promise<{ readonly agent: string | null }>;
  /** The result in document form (`status`, `response_text`, `error`), undefined when there is none within `waitMs`. @throws an error with code TASK_NOT_FOUND */
  result(taskId: string, waitMs: number, signal?: AbortSignal): Promise<object | undefined>;
  publish(topic: string, message: { content: JsonValue; sender: string; messageId: string; cause: readonly string[] }): Promise<string>;
  emit(event: { eventType: string; data: JsonValue; source: string; eventId: string; cause: readonly string[] }): Promise<string>;
}
