import { Keyspace } from '@cortex-runtime/bus';
import { describeError, documentCodec, silentLogger, type Clock, type Logger } from '@cortex-runtime/core';
import { z } from 'zod';

import { AgentCard, primaryOf, type AgentInstance, type AgentRegistry, type Announcement, type RegisteredAgent } from '../agents/agent-registry.ts';
import type { RedisClient } from './redis-client.ts';
import { commandTimeoutMs, RedisCommands } from './redis-commands.ts';
import { announceScript } from './scripts/announce.lua.ts';
import { findAgentsScript } from './scripts/find-agents.lua.ts';
import { withdrawScript } from './scripts/withdraw.lua.ts';

export interface RedisAgentRegistryDependencies {
  redis: RedisClient;
  clock: Clock;
  /** Whose agents they are; the fleet's when left out. */
  keyspace?: Keyspace;
  logger?: Logger;
}

export const RedisAgentRegistryOptions = z.strictObject({
  /** Milliseconds after the last sign of an agent before it is forgotten, and work for it no longer waits. */
  forgetAfterMs: z.int().min(1).default(30 * 86_400_000),
  commandTimeoutMs,
});
export type RedisAgentRegistryOptions = z.input<typeof RedisAgentRegistryOptions>;

/** Who has not been seen for long is looked for at most this often. */
const sweepEveryMs = 3_600_000;

/** A card as it lies in Redis; fields of other versions are passed over. */
const StoredCard = z.looseObject({ v: z.literal(1).default(1), ...AgentCard.shape });
const codec = documentCodec(StoredCard);

/**
 * {@link AgentRegistry} for several processes, in one hash: announcing all agents of a process is one command, and so is listing all there are. Who is present is decided by the
 * clock of the server; those of the processes may be wrong.
 */
export class RedisAgentRegistry implements AgentRegistry {
  readonly #commands: RedisCommands;
  readonly #key: string;
  readonly #logger: Logger;
  readonly #forgetAfterMs: number;

  constructor(deps: RedisAgentRegistryDependencies, options: RedisAgentRegistryOptions = {}) {
    const settings = RedisAgentRegistryOptions.parse(options);
    this.#commands = new RedisCommands(deps, settings);
    this.#key = (deps.keyspace ?? Keyspace.fleet()).agentsKey;
    this.#logger = deps.logger ?? silentLogger;
    this.#forgetAfterMs = settings.forgetAfterMs;
  }

  async announce({ instanceId, agents, ttlMs }: Announcement): Promise<void> {
    if (agents.length === 0) return;
    const told = agents.flatMap(({ card, activeTasks }) => [card.name.toLowerCase(), JSON.stringify({ v: 1, ...codec.writeCompact({ ...card, v: 1 }) }), activeTasks]);
    const sweepMs = Math.min(sweepEveryMs, this.#forgetAfterMs);
    await this.#commands.script('announce agents', announceScript, [this.#key], [JSON.stringify(instanceId), Math.ceil(ttlMs), this.#forgetAfterMs, sweepMs, ...told]);
  }

  async leave(instanceId: string, names: readonly string[]): Promise<void> {
    if (names.length === 0) return;
    await this.#commands.script('announce that agents leave', withdrawScript, [this.#key], [JSON.stringify(instanceId), ...names.map((name) => name.toLowerCase())]);
  }

  async forget(name: string): Promise<void> {
    await this.#commands.command(`forget the agent ${name}`, 'HDEL', this.#key, `card:${name.toLowerCase()}`, `at:${name.toLowerCase()}`);
  }

  async get(name: string): Promise<RegisteredAgent | undefined> {
    if (name === '') return undefined;
    const [agent] = await this.#find(`find the agent ${name}`, name.toLowerCase(), '');
    return agent;
  }

  async list(): Promise<RegisteredAgent[]> {
    const agents = await this.#find('list agents', '', '');
    return agents.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async primaryAgent(domain: string): Promise<RegisteredAgent | undefined> {
    // Only cards that have the word somewhere are sent; where it stands is looked at here.
    return primaryOf(await this.#find(`find an agent of the domain ${domain}`, '', JSON.stringify(domain)), domain);
  }

  async #find(purpose: string, name: string, holding: string): Promise<RegisteredAgent[]> {
    const found = (await this.#commands.script(purpose, findAgentsScript, [this.#key], [name, holding])) as string[];
    const agents: RegisteredAgent[] = [];
    for (let index = 0; index < found.length; index += 2) {
      const agent = this.#read(found[index] ?? '', found[index + 1] ?? '');
      if (agent !== undefined) agents.push(agent);
    }
    return agents;
  }

  /** One agent that can not be read must not hide the others. */
  #read(card: string, presence: string): RegisteredAgent | undefined {
    try {
      const { name, domains, primaryFor, description, capabilities } = codec.read(JSON.parse(card), 'the card of an agent');
      const instances = presence === '' ? [] : presence.split('\n').map(readInstance);
      return { name, domains, primaryFor, description, capabilities, isPresent: instances.length > 0, instances };
    } catch (error) {
      this.#logger.warn({ key: this.#key, card: card.slice(0, 200), error: describeError(error) }, 'an agent in the registry can not be read and was passed over');
      return undefined;
    }
  }
}

/** Of a line `until active id`. */
function readInstance(line: string): AgentInstance {
  const [, activeTasks, id = ''] = /^\d+ (\d+) (.+)$/.exec(line) ?? [];
  return { instanceId: JSON.parse(id) as string, activeTasks: Number(activeTasks) };
}
