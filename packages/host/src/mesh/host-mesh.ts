import type { ReplyPort } from '@cortex-runtime/agent-process';
import type { Keyspace, MessageBus } from '@cortex-runtime/bus';
import { describeError, InvalidInputError, type Clock, type IdGenerator, type JsonObject, type Logger, type Random } from '@cortex-runtime/core';
import { AgentPresence, BusChannel, cancelEvent, EventFeeds, MessageTopics, readTaskPayload, TaskClient, TaskReplies, TaskSource, writeTaskResult } from '@cortex-runtime/dispatch';
import type { Journal } from '@cortex-runtime/journal';
import type { ServedMesh } from '@cortex-runtime/server';
import type { EventSubscriber, MessageSubscriber, TaskSubscriber } from '@cortex-runtime/triggers';

import type { HostConfig } from '../host-config.ts';
import { openBuses } from './open-buses.ts';
import { claimId, servedMesh } from './served-mesh.ts';
import { TaskBook } from './task-book.ts';

export interface HostMeshDeps {
  clock: Clock;
  random: Random;
  logger: Logger;
  createId: IdGenerator;
  environment: Readonly<Record<string, string | undefined>>;
  keyspace: Keyspace;
  /** The host's own. */
  journal: Journal;
  /** Takes back what an agent of this host has in its journal. Resolves to whether it had it. */
  cancelEvent: (agent: string, eventId: string, why: string) => Promise<boolean>;
}

/** What agents of this host share with each other, and on Redis with those of other hosts. */
export interface HostMesh {
  readonly tasks: TaskSubscriber;
  readonly broker: MessageSubscriber;
  readonly eventBus: EventSubscriber;
  readonly replies: ReplyPort;
  readonly served: ServedMesh;
  /** To be called when no agent runs any more. */
  close(): Promise<void>;
}

/**
 * Opens the mesh: on Redis when the environment names one, else within this process. Nothing is connected before an agent or a person uses it, and a server that is away
 * keeps no host from starting.
 *
 * @throws HostConfigError, InvalidInputError, DriverMissingError
 */
export async function openMesh(deps: HostMeshDeps, config: HostConfig): Promise<HostMesh> {
  const { clock, random, createId } = deps;
  const logger = deps.logger.child({ part: 'mesh' });
  const buses = await openBuses({ ...deps, logger, onNotice: (notice) => logger.warn({ ...notice }, 'the bus reports') }, config);
  const { bus, events, registry, affinity } = buses;
  const presence = new AgentPresence({ registry, clock, logger, instanceId: createId() });
  const source = new TaskSource({ bus, clock, random, logger, presence });
  const replies = new TaskReplies({ bus, clock, random, logger, channel: new BusChannel({ bus, clock }, 'default'), threadAffinity: affinity, events });
  const client = new TaskClient({ bus, clock, createId, logger, events });
  const book = buses.isShared ? undefined : await TaskBook.open(deps);
  if (book !== undefined) await keepBook(book, client, bus);
  const feeds = new EventFeeds({ bus: events, clock, random, logger });
  let cancellations: Promise<() => Promise<void>> | undefined;
  const watchCancellations = () => feeds.subscribe(cancelEvent, async ({ data }) => {
    const { task_id: taskId, by, reason } = data as { task_id?: string; by?: string; reason?: string };
    if (taskId === undefined) return;
    const why = `cancelled${by === undefined ? '' : ` by ${by}`}${reason === undefined ? '' : `: ${reason}`}`;
    for (const agent of source.agents) {
      if (await deps.cancelEvent(agent, `task:${taskId}`, why)) logger.info({ taskId, agent, why }, 'a task was taken back');
    }
  });

  return {
    tasks: {
      subscribe: async (agent, accept) => {
        cancellations ??= watchCancellations();
        await cancellations;
        return source.subscribe(agent, accept);
      },
    },
    broker: new MessageTopics({ bus, clock, random, logger }),
    eventBus: feeds,
    replies: replyPort(replies, book),
    served: servedMesh({ buses, client, book, topics: new MessageTopics({ bus, clock, random, logger }), clock, createId }),
    async close() {
      const end = await cancellations?.catch((error: unknown) => {
        logger.debug({ error: describeError(error) }, 'nobody listened for cancellations');
        return undefined;
      });
      await end?.();
      await presence.close();
      await client.close();
      await buses.close();
      cancellations = undefined;
    },
  };
}

/** Hands in again what the bus has lost with the host's last life, and writes down what comes of it. An agent that has a task in its journal knows it. */
async function keepBook(book: TaskBook, client: TaskClient, bus: MessageBus): Promise<void> {
  await client.onResult((result) => book.close(claimId(result.taskId), writeTaskResult(result)), { group: 'host' });
  for (const { taskId, stream, payload } of book.open()) await book.markResponded(taskId, 'dispatched', { msgId: await bus.publish(stream, payload, { dedupId: readTaskPayload(JSON.parse(payload)).taskId }) });
}

/** Answers to tasks; there is nothing else yet that an agent answers. */
function replyPort(replies: TaskReplies, book: TaskBook | undefined): ReplyPort {
  return {
    deliver: async (outcome) => {
      if (!replies.isFor(outcome.replyTo)) throw new InvalidInputError('metadata.reply_to', `must be the address of a task, got one of the kind ${JSON.stringify((outcome.replyTo as JsonObject)['kind'] ?? null)}`);
      const result = await replies.reply(outcome);
      await book?.close(claimId(result.taskId), writeTaskResult(result));
    },
    piece: (agent, replyTo, text) => {
      if (replies.isFor(replyTo)) replies.piece(agent, replyTo, text);
    },
    discard: (agent, replyTo) => {
      if (replies.isFor(replyTo)) replies.discard(agent, replyTo);
    },
  };
}
