import { createHash } from 'node:crypto';

import type { EventBus } from '@cortex-runtime/bus';
import { describeError, InvalidInputError, silentLogger, type Clock, type JsonObject, type Logger, type Random } from '@cortex-runtime/core';

import type { AgentRegistry } from '../agents/agent-registry.ts';
import { CarefulChannel } from '../channel/careful-channel.ts';
import type { ChannelMessage } from '../channel/channel-message.ts';
import type { ChannelProvider } from '../channel/channel-provider.ts';
import { InMemoryResponseTracker, type MessageClaim, type ResponseTracker } from '../claims/response-tracker.ts';
import type { SubmittedTask } from '../client/submitted-task.ts';
import type { TaskClient } from '../client/task-client.ts';
import type { ContextRuntime } from '../context/context-runtime.ts';
import { MessageConflictError } from '../errors.ts';
import type { TaskPayload } from '../task/task-payload.ts';
import { TaskPriority } from '../task/task-priority.ts';
import { AGENT_STREAM_PREFIX } from '../task/task-streams.ts';
import type { ThreadAffinity } from '../threads/thread-affinity.ts';
import { mentionsOf, routeMessage, type Route } from './route-message.ts';

export interface TaskDispatcherDependencies {
  client: TaskClient;
  clock: Clock;
  random: Random;
  logger?: Logger;
  registry: AgentRegistry;
  /** Shown what becomes of messages. */
  channel?: ChannelProvider;
  /** Keeps a message from being answered twice; of this process when left out. */
  responseTracker?: ResponseTracker;
  threadAffinity?: ThreadAffinity;
  /** Records messages in their sessions, so that agents know what was said before. */
  contextRuntime?: ContextRuntime;
  /** Told `task.dispatched`. */
  events?: EventBus;
}

/** What became of a message. */
export interface DispatchResult extends SubmittedTask {
  /** Id of the task's entry on its stream; the seed's name for `msgId`. */
  readonly streamId: string;
  /** Who it was sent to; with a domain, who was named for it. */
  readonly agent: string;
  readonly domain: string;
  /** Why; `claim` when the message had been dispatched before. */
  readonly rule: Route['rule'] | 'claim';
  readonly isDuplicate: boolean;
}

/**
 * The conductor: sends each message to the agent that should answer it, once.
 *
 * A message is claimed under its id before its task is published, so dispatching it again, here or elsewhere, also after a crash in between, gives the same task. Reactions,
 * context and events are helpful and no more: their failures are logged.
 */
export class TaskDispatcher {
  readonly #deps: TaskDispatcherDependencies;
  readonly #logger: Logger;
  readonly #tracker: ResponseTracker;
  readonly #channel: CarefulChannel | undefined;

  constructor(deps: TaskDispatcherDependencies) {
    this.#deps = deps;
    this.#logger = deps.logger ?? silentLogger;
    this.#tracker = deps.responseTracker ?? new InMemoryResponseTracker({ clock: deps.clock });
    this.#channel = deps.channel === undefined ? undefined : new CarefulChannel({ channel: deps.channel, clock: deps.clock, random: deps.random, logger: this.#logger });
  }

  /**
   * Resolves when the task is on the bus; undefined when no agent is there for the message.
   *
   * @throws InvalidInputError for a message that makes no sense; MessageConflictError when its id belongs to another message; BusFullError and BusConnectionError of the
   * bus, and then dispatching it again is safe
   */
  async dispatch(message: ChannelMessage): Promise<DispatchResult | undefined> {
    assertMessage(message);
    const digest = digestOf(message);
    const known = await this.#tracker.find(message.id);
    if (known !== undefined) return this.#complete(message, known, digest, undefined);
    const { registry, threadAffinity } = this.#deps;
    this.#channel?.react(message, 'eyes');
    const route = await routeMessage(message, { registry, affinity: threadAffinity });
    if (route === undefined) {
      this.#channel?.react(message, 'eyes', { remove: true });
      this.#logger.warn({ messageId: message.id, channel: message.channel }, 'nobody is there for a message');
      return undefined;
    }
    const { taskId } = this.#deps.client.complete({ messageId: message.id });
    const { claim, isNew } = await this.#tracker.claim(message.id, { taskId, stream: route.stream, agent: route.agent, domain: route.domain, digest, msgId: null, status: 'claimed' });
    return this.#complete(message, claim, digest, isNew ? route.rule : undefined);
  }

  /** Takes the task of a message back; see `TaskClient.cancel`. False when the message is not known, or has its outcome. */
  async cancel(messageId: string, options: { by?: string; reason?: string } = {}): Promise<boolean> {
    const claim = await this.#tracker.find(messageId);
    if (claim?.msgId === undefined || claim.msgId === null) return false;
    const isCancelled = await this.#deps.client.cancel({ taskId: claim.taskId, stream: claim.stream, msgId: claim.msgId }, options);
    if (isCancelled) await this.#tracker.markResponded(messageId, 'cancelled');
    return isCancelled;
  }

  /** Resolves when reactions that are under way have been made. */
  async settled(): Promise<void> {
    await this.#channel?.settled();
  }

  /** Publishes the task of a claim, unless it has been. Whoever does it, and however often, there is one. */
  async #complete(message: ChannelMessage, claim: MessageClaim, digest: string, rule: Route['rule'] | undefined): Promise<DispatchResult> {
    if (claim.digest !== digest) throw new MessageConflictError(message.id, claim.taskId);
    const isDuplicate = rule === undefined;
    const result = { taskId: claim.taskId, stream: claim.stream, agent: claim.agent, domain: claim.domain, rule: rule ?? ('claim' as const), isDuplicate };
    if (claim.msgId !== null) return { ...result, msgId: claim.msgId, streamId: claim.msgId };
    const payload = await this.#payloadOf(message, claim);
    const { msgId } = await this.#deps.client.submitTo(claim.stream, payload);
    await this.#tracker.markResponded(message.id, 'dispatched', { msgId }).catch((error: unknown) => {
      this.#logger.warn({ messageId: message.id, error: describeError(error) }, 'a dispatch could not be noted; dispatching the message again is safe all the same');
    });
    this.#show(message, claim);
    return { ...result, msgId, streamId: msgId };
  }

  #show(message: ChannelMessage, claim: MessageClaim): void {
    this.#channel?.react(message, 'eyes', { remove: true });
    this.#channel?.react(message, 'hourglass_flowing_sand');
    this.#channel?.followThread(message);
    const { events } = this.#deps;
    const told = { task_id: claim.taskId, message_id: message.id, agent: claim.agent, domain: claim.domain, stream: claim.stream };
    events?.publish('task.dispatched', told, { source: 'dispatcher' }).catch((error: unknown) => this.#logger.debug({ error: describeError(error) }, 'an event could not be published'));
  }

  async #payloadOf(message: ChannelMessage, claim: MessageClaim): Promise<TaskPayload> {
    const { client, contextRuntime } = this.#deps;
    const { metadata = {}, channel, sender = '', senderId, threadId, source } = message;
    const payload = client.complete({
      taskId: claim.taskId,
      messageId: message.id,
      text: message.text,
      sender,
      senderId,
      roomId: message.roomId,
      channelId: message.roomId,
      threadId: threadId ?? null,
      channelName: message.channelName ?? textOf(metadata['channel_name']),
      domain: claim.domain,
      priority: message.priority ?? TaskPriority.NORMAL,
      mentions: mentionsOf(message),
      hasBotMention: metadata['has_bot_mention'] === true,
      inActiveThread: metadata['in_active_thread'] === true,
      attachments: message.attachments ?? [],
      threadContext: Array.isArray(metadata['thread_context']) ? (metadata['thread_context'] as JsonObject[]) : [],
      preferredAgent: claim.stream.startsWith(`${AGENT_STREAM_PREFIX}:`) ? null : claim.agent,
      // What the runtime knows can not be overridden by what a caller says.
      metadata: { ...metadata, source: source ?? channel, channel, sender, sender_id: senderId, thread_id: threadId ?? null, message_id: message.id },
    });
    if (contextRuntime === undefined) return payload;
    try {
      return await contextRuntime.preparePayload(payload, channel);
    } catch (error) {
      this.#logger.warn({ messageId: message.id, error: describeError(error) }, 'the session of a message is not available; the agent answers without it');
      return payload;
    }
  }
}

function assertMessage({ id, text, channel, roomId, senderId }: ChannelMessage): void {
  for (const [field, value, maxLength] of [['id', id, 400], ['channel', channel, 100], ['roomId', roomId, 400], ['senderId', senderId, 400]] as const) {
    if (typeof value !== 'string' || value === '' || value.length > maxLength) throw new InvalidInputError(`message.${field}`, `must be 1 to ${maxLength} characters, got ${JSON.stringify(value)?.slice(0, 80)}`);
  }
  if (typeof text !== 'string' || text.length > 1_000_000) throw new InvalidInputError('message.text', 'must be a text of at most 1,000,000 characters');
}

/** What makes a message the same message. */
function digestOf({ text, channel, roomId, threadId, senderId, attachments }: ChannelMessage): string {
  return createHash('sha256').update(JSON.stringify([text, channel, roomId, threadId ?? null, senderId, attachments ?? []])).digest('base64url').slice(0, 22);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
