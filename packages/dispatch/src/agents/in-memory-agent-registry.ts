import type { Clock } from '@cortex-runtime/core';

import { primaryOf, type AgentCard, type AgentRegistry, type Announcement, type RegisteredAgent } from './agent-registry.ts';

interface Known {
  card: AgentCard;
  /** By instance id. */
  instances: Map<string, { activeTasks: number; until: number }>;
}

/** {@link AgentRegistry} of one process. */
export class InMemoryAgentRegistry implements AgentRegistry {
  readonly #clock: Clock;
  readonly #agents = new Map<string, Known>();

  constructor(deps: { clock: Clock }) {
    this.#clock = deps.clock;
  }

  async announce({ instanceId, agents, ttlMs }: Announcement): Promise<void> {
    const until = this.#clock.monotonic() + ttlMs;
    for (const { card, activeTasks } of agents) {
      const instances = this.#agents.get(card.name.toLowerCase())?.instances ?? new Map<string, { activeTasks: number; until: number }>();
      this.#agents.set(card.name.toLowerCase(), { card, instances: instances.set(instanceId, { activeTasks, until }) });
    }
  }

  async leave(instanceId: string, names: readonly string[]): Promise<void> {
    for (const name of names) this.#agents.get(name.toLowerCase())?.instances.delete(instanceId);
  }

  async forget(name: string): Promise<void> {
    this.#agents.delete(name.toLowerCase());
  }

  async get(name: string): Promise<RegisteredAgent | undefined> {
    const known = this.#agents.get(name.toLowerCase());
    return known === undefined ? undefined : this.#registered(known);
  }

  async list(): Promise<RegisteredAgent[]> {
    return [...this.#agents.values()].map((known) => this.#registered(known)).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async primaryAgent(domain: string): Promise<RegisteredAgent | undefined> {
    return primaryOf(await this.list(), domain);
  }

  #registered({ card, instances }: Known): RegisteredAgent {
    const now = this.#clock.monotonic();
    const present = [...instances].filter(([, { until }]) => until > now).map(([instanceId, { activeTasks }]) => ({ instanceId, activeTasks }));
    return { ...card, isPresent: present.length > 0, instances: present };
  }
}
