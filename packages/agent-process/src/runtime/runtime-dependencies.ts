import type { Clock, Disk, IdGenerator, Logger, Net, Random } from '@cortex-runtime/core';
import type { Journal } from '@cortex-runtime/journal';
import type { JournalConfig } from '@cortex-runtime/journal/config';
import type { ProcessConfig, ServerConfig } from '@cortex-runtime/manifest';
import type { MemoryProvider } from '@cortex-runtime/memory';
import type { EmbeddingUsage, ModelProvider, ModelUsage } from '@cortex-runtime/models';
import type { Tool, ToolSource } from '@cortex-runtime/plugins';
import type { PluginConfig } from '@cortex-runtime/plugins/config';
import type { CronScheduler, EventSubscriber, MessageSubscriber, TaskSubscriber, WebhookRoutes } from '@cortex-runtime/triggers';

import type { ReplyPort } from '../replies/event-outcome.ts';
import type { MeshPort } from '../run/mesh-port.ts';
import type { TypedMemory } from '../run/memory-tools.ts';
import type { RunSessions } from '../sessions/run-sessions.ts';

/** Which process a collaborator is made for, and where its relative paths begin. */
export interface ProcessPlace {
  processName: string;
  baseDirectory: string;
}

/** What the runtime is wired with: the only place that knows adapters is the host. */
export interface RuntimeDependencies {
  clock: Clock;
  random: Random;
  disk: Disk;
  net: Net;
  logger: Logger;
  createId: IdGenerator;
  /** Environment variables that agents may see by their prefix. */
  environment: Readonly<Record<string, string | undefined>>;
  /** The journal that a configuration asks for. The same journal may be given to many processes; the runtime closes none. */
  openJournal(config: JournalConfig, place: ProcessPlace): Promise<Journal>;
  /** Throws when the model can not be used: unknown provider, missing package, missing key. */
  createModel(config: ProcessConfig, place: ProcessPlace): Promise<ModelProvider>;
  createToolSource(name: string, config: ServerConfig, place: ProcessPlace & { toolTimeoutMs: number }): ToolSource;
  /** Long-term memory that a configuration asks for; undefined for none. What its embeddings cost is told to `onEmbeddingUsage`, which records it. */
  createMemory?(config: ProcessConfig, place: ProcessPlace & { onEmbeddingUsage: (usage: EmbeddingUsage) => void }): Promise<MemoryProvider | undefined>;
  /** Typed memory, for agents whose `memory_access` names categories of it. */
  typedMemory?: TypedMemory;
  /** Conversations, for events that belong to one (see `readEventSession`); without them such an event is one like any other. */
  sessions?: RunSessions;
  /** The tools of a plugin that a configuration names; without this none may be named. */
  createPluginSource?(name: string, config: PluginConfig, place: ProcessPlace): ToolSource;
  /** Whether an approval that a tool call waits for was answered, or can not be any more. Without this no call waits: the model is told that it would need one. */
  isApprovalAnswered?(approvalId: string): Promise<boolean>;
  /** In-process tools that every agent gets. */
  tools?: readonly Tool[];
  /** USD of one model call; undefined when the model has no known price. */
  costOf?(modelId: string, usage: ModelUsage): number | undefined;
  scheduler: CronScheduler;
  webhookRoutes: WebhookRoutes;
  eventBus?: EventSubscriber;
  broker?: MessageSubscriber;
  tasks?: TaskSubscriber;
  /** Reaches other agents, for those whose `mesh` allows it. */
  mesh?: MeshPort;
  /** Answers events that say where their answer goes (`metadata.reply_to`); without it such answers stay due. */
  replies?: ReplyPort;
}

export interface RuntimeOptions {
  /** Milliseconds without work after which a process's state leaves memory; absent: never. */
  hibernateAfterMs?: number;
  /** Entries between two checkpoints of a process. Default 500. */
  checkpointEvery?: number;
}
