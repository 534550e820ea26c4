import { MemoryBus, type BusNotice, type MessageBus } from '@cortex-runtime/bus';
import type { BusConfig } from '@cortex-runtime/bus/config';
import { RedisStreamBus } from '@cortex-runtime/bus/redis';
import { idGenerator, type StreamChunk } from '@cortex-runtime/core';
import { systemClock, systemRandom } from '@cortex-runtime/core/node';
import { Redis } from 'ioredis';
import { inject, onTestFinished, vi } from 'vitest';

import {
  AgentPresence, InMemoryAgentRegistry, InMemoryThreadAffinity, TaskClient, TaskConsumer, TaskDispatcher, type ChannelMessage, type ExecuteTask, type TaskClientDependencies, type TaskClientOptions, type TaskConsumerDependencies,
  type TaskConsumerOptions, type TaskDispatcherDependencies, type TaskResult,
} from '../../src/index.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Empty where there is no Redis; tests that need it are skipped then. */
    redisUrl: string;
  }
}

export const redisUrl = inject('redisUrl');
export const clock = systemClock;
export const random = systemRandom;
export const createId = idGenerator({ clock, random });

let made = 0;
/** Keys of one test. */
export function freshPrefix(): string {
  made += 1;
  return `test:${process.pid}-${Date.now().toString(36)}-${made}`;
}

/** Short enough that a test does not wait for retries. */
const quick: BusConfig = { retryBackoffBaseMs: 5, retryBackoffMaxMs: 20, blockMs: 1_000 };

export type OpenBus = (config?: BusConfig) => MessageBus & { notices: BusNotice[] };

/** Opens buses that share their streams, each closed at the end of the test. */
export const buses: Record<'memory' | 'Redis', () => OpenBus> = {
  memory: () => {
    let bus: ReturnType<OpenBus> | undefined;
    return (config = {}) => {
      const notices: BusNotice[] = [];
      bus ??= Object.assign(new MemoryBus({ clock, onNotice: (notice) => notices.push(notice) }, { ...quick, ...config }), { notices });
      onTestFinished(() => bus?.close());
      return bus;
    };
  },
  Redis: () => {
    const streamPrefix = freshPrefix();
    return (config = {}) => openRedisBus({ streamPrefix, ...config });
  },
};

/** @param onNotice - told of what `notices` of the bus collects */
export function openRedisBus(config: BusConfig, onNotice: (notice: BusNotice) => void = () => {}): RedisStreamBus & { notices: BusNotice[] } {
  const notices: BusNotice[] = [];
  const note = (notice: BusNotice) => {
    notices.push(notice);
    onNotice(notice);
  };
  const bus = new RedisStreamBus({ clock, random, onNotice: note }, { url: redisUrl, ...quick, ...config });
  onTestFinished(() => bus.close());
  return Object.assign(bus, { notices });
}

/** A client that knows nothing of ours. */
export function rawClient(url: string = redisUrl): Redis {
  const client = new Redis(url);
  client.on('error', () => {});
  onTestFinished(() => client.disconnect());
  return client;
}

export function openClient(bus: MessageBus, deps: Partial<TaskClientDependencies> = {}, options: TaskClientOptions = {}): TaskClient {
  const client = new TaskClient({ bus, clock, createId, ...deps }, options);
  onTestFinished(() => client.close());
  return client;
}

/** Says each text as a piece of its answer. */
export const say = (...texts: string[]): ExecuteTask =>
  async function* () {
    for (const data of texts) yield { kind: 'output', data } satisfies StreamChunk;
    yield { kind: 'complete' } satisfies StreamChunk;
  };

export const echo: ExecuteTask = async function* (prompt) {
  yield { kind: 'output', data: `echo: ${prompt}` };
};

/** An agent at work. */
export async function agent(bus: MessageBus, execute: ExecuteTask, options: Partial<TaskConsumerOptions> = {}, deps: Partial<TaskConsumerDependencies> = {}): Promise<TaskConsumer & { results: TaskResult[] }> {
  const results: TaskResult[] = [];
  const consumer = new TaskConsumer({ bus, clock, random, onResult: (result) => results.push(result), ...deps }, { identity: 'forge', domains: ['eng'], ...options });
  await consumer.start(execute);
  onTestFinished(() => consumer.stop({ drainMs: 0 }));
  return Object.assign(consumer, { results });
}

/** A conductor and what it knows. */
export async function conductor(bus: MessageBus, agents: readonly string[], deps: Partial<TaskDispatcherDependencies> = {}) {
  const registry = new InMemoryAgentRegistry({ clock });
  const presence = new AgentPresence({ registry, clock, instanceId: 'test' });
  onTestFinished(() => presence.close());
  for (const name of agents) await presence.join({ name, domains: ['eng'] });
  const affinity = new InMemoryThreadAffinity({ clock });
  const client = openClient(bus);
  const dispatcher = new TaskDispatcher({ client, clock, random, registry, threadAffinity: affinity, ...deps });
  return { registry, presence, affinity, client, dispatcher };
}

let messages = 0;
export function message(text: string, more: Partial<ChannelMessage> = {}): ChannelMessage {
  messages += 1;
  return { id: `m-${messages}`, text, channel: 'test', roomId: 'room', senderId: 'u1', sender: 'Ann', metadata: { domain: 'eng' }, ...more };
}

export function until<T>(check: () => T | Promise<T>, timeoutMs = 15_000): Promise<T> {
  return vi.waitFor(check, { timeout: timeoutMs, interval: 10 });
}

/** Resolves when it is told to. */
export function gate(): { opened: Promise<void>; open: () => void } {
  let open: () => void = () => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}
