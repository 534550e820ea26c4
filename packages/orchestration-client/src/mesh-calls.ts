import { toDocument } from '@cortex-runtime/core';

import {
  CancelTaskReply, CancelTaskRequest, EmitEventReply, EmitEventRequest, MeshAgentList, MeshHealth, PublishMessageReply, PublishMessageRequest, SubmitTaskReply, SubmitTaskRequest, TaskResultReply,
  TaskResultRequest, type TaskResult,
} from './contract/index.ts';
import type { CallOptions, ContractCall, Query } from './contract-call.ts';

/** Milliseconds that one request waits for a result: proxies and `fetch` itself cut off what is silent for minutes. */
const longestAskMs = 60_000;
/** Added to the time of a request for the bus behind it, which repeats for half a minute what fails before it says why: the reason should be what the caller learns. */
const busMs = 15_000;

/** Calls about agents that work together: tasks, events and topics. */
export function meshCalls(call: ContractCall) {
  const task = (taskId: string) => `/tasks/${encodeURIComponent(taskId)}`;
  return {
    meshHealth: (options?: CallOptions): Promise<MeshHealth> => call(MeshHealth, 'GET', '/mesh', options),
    /** Agents that are known anywhere in the mesh, and where they run. */
    listAgents: async (options?: CallOptions): Promise<MeshAgentList['agents']> => (await call(MeshAgentList, 'GET', '/mesh/agents', options)).agents,
    /** Hands in a task; resolves only when it is on the bus. With a `taskId` of yours it is safe to call again. */
    submitTask: (request: SubmitTaskRequest, options?: CallOptions): Promise<SubmitTaskReply> => call(SubmitTaskReply, 'POST', '/tasks', { ...options, waitMs: busMs, body: toDocument(SubmitTaskRequest, request) }),
    /** The result of a task as soon as there is one; undefined when there is none within `waitMs`, which may be as long as you like. */
    async taskResult(taskId: string, { waitMs = 0 }: { waitMs?: number } = {}, options?: CallOptions): Promise<TaskResult | undefined> {
      for (let leftMs = waitMs; ; leftMs -= longestAskMs) {
        const askMs = Math.ceil(Math.min(leftMs, longestAskMs));
        const reply = await call(TaskResultReply, 'GET', task(taskId), { ...options, query: toDocument(TaskResultRequest, { waitMs: askMs }) as Query, waitMs: askMs });
        if (reply.status === 'done') return reply.result;
        if (leftMs <= longestAskMs) return undefined;
      }
    },
    /** Takes a task back. False when it has its outcome already, or its agent was asked to stop: its result tells. */
    cancelTask: async (taskId: string, request: CancelTaskRequest = {}, options?: CallOptions): Promise<boolean> =>
      (await call(CancelTaskReply, 'DELETE', task(taskId), { ...options, waitMs: busMs, body: toDocument(CancelTaskRequest, request) })).cancelled,
    /** Tells everybody who listens; resolves to the event's id. */
    emitEvent: async (request: EmitEventRequest, options?: CallOptions): Promise<string> => (await call(EmitEventReply, 'POST', '/events', { ...options, waitMs: busMs, body: toDocument(EmitEventRequest, request) })).eventId,
    /** Resolves to the message's id when the bus has it. */
    publishMessage: async (topic: string, request: PublishMessageRequest, options?: CallOptions): Promise<string> =>
      (await call(PublishMessageReply, 'POST', `/topics/${encodeURIComponent(topic)}/messages`, { ...options, waitMs: busMs, body: toDocument(PublishMessageRequest, request) })).messageId,
  };
}
