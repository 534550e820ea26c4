import { createHash } from 'node:crypto';

import { CortexError, InvalidInputError, nearestName, toDocument, type Clock, type IdGenerator, type JsonObject } from '@cortex-runtime/core';
import {
  agentStream, domainStream, mentionsIn, MessageConflictError, RegisteredAgentDocument, routeMessage, TaskResult, writeTaskPayload, writeTaskResult, type MessageClaim, type MessageTopics, type ResponseTracker, type TaskClient,
} from '@cortex-runtime/dispatch';
import type { NewServedTask, ServedMesh } from '@cortex-runtime/server';

import { NobodyThereError, TaskNotFoundError } from '../errors.ts';
import type { Buses } from './open-buses.ts';
import type { TaskBook } from './task-book.ts';

export interface ServedMeshDeps {
  buses: Buses;
  client: TaskClient;
  /** Where the bus forgets what it was given when the host ends. */
  book: TaskBook | undefined;
  topics: MessageTopics;
  clock: Clock;
  createId: IdGenerator;
}

/** Where conversations are kept apart that people have over the API. */
const apiChannel = 'api';

/** The mesh as the HTTP server sees it. A task is claimed under its id before it is published: handed in again, here or at another host, it is the same task. */
export function servedMesh({ buses, client, book, topics, clock, createId }: ServedMeshDeps): ServedMesh {
  const { bus, events, registry, affinity } = buses;
  const tracker: ResponseTracker = book ?? buses.tracker;
  const claimOf = async (taskId: string): Promise<MessageClaim> => {
    const claim = await tracker.find(claimId(taskId));
    if (claim === undefined) throw new TaskNotFoundError(taskId);
    return claim;
  };

  return {
    async agents() {
      return (await registry.list()).map((agent) => toDocument(RegisteredAgentDocument, agent) as object);
    },
    async submit(task) {
      const taskId = task.taskId ?? createId().replaceAll('-', '');
      const digest = digestOf(task);
      const known = task.taskId === undefined ? undefined : await tracker.find(claimId(taskId));
      const route = known ?? (await routeOf(task, { registry, affinity }));
      const { claim, isNew } = await tracker.claim(claimId(taskId), { taskId, stream: route.stream, agent: route.agent, domain: route.domain, digest, msgId: null, status: 'claimed' });
      if (claim.digest !== digest) throw new MessageConflictError(taskId, claim.taskId);
      const payload = client.complete({
        taskId, messageId: taskId, text: task.text, priority: task.priority ?? 'normal', domain: claim.domain, preferredAgent: claim.agent === '' ? null : claim.agent,
        sender: task.sender ?? '', senderId: task.senderId ?? task.sender ?? '',
        ...(task.threadId === undefined ? {} : { threadId: task.threadId }),
        metadata: { ...(task.threadId === undefined ? {} : { channel: apiChannel }), ...task.metadata },
      });
      await book?.submitted(claimId(taskId), writeTaskPayload(payload));
      const { msgId } = await client.submitTo(claim.stream, payload);
      await tracker.markResponded(claimId(taskId), 'dispatched', { msgId });
      return { taskId, stream: claim.stream, msgId, agent: claim.agent === '' ? null : claim.agent, domain: claim.domain, rule: 'rule' in route ? route.rule : 'claim', isDuplicate: !isNew || known !== undefined };
    },
    async result(taskId, waitMs, signal) {
      const { stream } = await claimOf(taskId);
      const kept = book?.resultOf(claimId(taskId));
      if (kept !== undefined) return JSON.parse(kept) as object;
      const result = waitMs === 0 ? await client.find({ taskId, stream }) : await waited(client, { taskId, stream }, waitMs, signal);
      return result === undefined ? undefined : (toDocument(TaskResult, result) as object);
    },
    async cancel(taskId, options) {
      const { stream, msgId } = await claimOf(taskId);
      if (msgId === null) return false;
      const isCancelled = await client.cancel({ taskId, stream, msgId }, options);
      const result = isCancelled && book !== undefined ? await client.find({ taskId, stream }) : undefined;
      if (result !== undefined) await book?.close(claimId(taskId), writeTaskResult(result));
      return isCancelled;
    },
    emit: ({ eventType, data, ...options }) => events.publish(eventType, data, options),
    publish: (topic, message) => topics.publish(topic, message),
    async health() {
      const startedAt = clock.monotonic();
      const { ok, error, details } = await bus.health();
      return { ok, kind: buses.isShared ? 'redis' : 'memory', ...(ok ? { latency_ms: Math.round(clock.monotonic() - startedAt) } : { error: error ?? 'unknown' }), details: (details ?? {}) as JsonObject };
    },
  };
}

async function routeOf(task: NewServedTask, deps: Pick<Buses, 'registry' | 'affinity'>): Promise<{ rule: string; stream: string; agent: string; domain: string }> {
  const { agent, domain, priority = 'normal', text, threadId, metadata } = task;
  if (agent !== undefined && domain !== undefined) throw new InvalidInputError('domain', 'can not be given together with agent; name one of them');
  if (agent !== undefined) {
    const known = await deps.registry.get(agent);
    if (known === undefined) throw new NobodyThereError(await unknownAgent(agent, deps));
    return { rule: 'agent', stream: agentStream(known.name, priority), agent: known.name, domain: known.primaryFor[0] ?? known.domains[0] ?? 'personal' };
  }
  if (domain !== undefined) {
    const primary = await deps.registry.primaryAgent(domain);
    if (primary === undefined) throw new NobodyThereError(`no agent is there for the domain ${JSON.stringify(domain)}`);
    return { rule: 'domain', stream: domainStream(domain, priority), agent: '', domain };
  }
  const message = { id: 'task', text, channel: apiChannel, roomId: '', senderId: task.senderId ?? '', priority, ...(threadId === undefined ? {} : { threadId }), ...(metadata === undefined ? {} : { metadata }) };
  const route = await routeMessage(message, deps);
  if (route === undefined) {
    const [mentioned] = mentionsIn(text);
    throw new NobodyThereError(mentioned === undefined ? 'no agent is there for it: mention one (@name), or name an agent or a domain' : await unknownAgent(mentioned, deps));
  }
  return { ...route, agent: route.rule === 'domain' ? '' : route.agent };
}

async function unknownAgent(name: string, { registry }: Pick<Buses, 'registry'>): Promise<string> {
  const names = (await registry.list()).map((agent) => agent.name);
  const nearest = nearestName(name, names);
  return `no agent ${JSON.stringify(name)} takes tasks${nearest === undefined ? '' : `; did you mean ${JSON.stringify(nearest)}?`}`;
}

async function waited(client: TaskClient, task: { taskId: string; stream: string }, waitMs: number, signal: AbortSignal | undefined): Promise<TaskResult | undefined> {
  try {
    return await client.waitFor({ ...task, msgId: '' }, { timeoutMs: waitMs, ...(signal === undefined ? {} : { signal }) });
  } catch (error) {
    if (CortexError.is(error) && error.code === 'DISPATCH_RESULT_TIMEOUT') return undefined;
    throw error;
  }
}

/** Under what the claim of a task is kept, apart from those of messages. */
export function claimId(taskId: string): string {
  return `task:${taskId}`;
}

/** Tells whether a task that is handed in again is the same. */
function digestOf({ text, agent, domain, threadId, metadata }: NewServedTask): string {
  return createHash('sha256').update(JSON.stringify([text, agent ?? null, domain ?? null, threadId ?? null, metadata ?? null])).digest('hex');
}
