import { describeError, silentLogger, type Clock, type Logger, type Timer } from '@cortex-runtime/core';
import { z } from 'zod';

import { AgentCard, type AgentCardInput, type AgentRegistry } from './agent-registry.ts';

/** What an agent tells of the tasks that it works on. */
export interface Heartbeat {
  /** @param label - for people: who asked for what */
  addTask(taskId: string, label: string): void;
  removeTask(taskId: string): void;
  /** Tells it now. A failure costs nothing but this: whoever calls it must not let work depend on it. */
  publish(): Promise<void>;
}

export const AgentPresenceOptions = z.strictObject({
  /** Milliseconds that agents count as present after the last sign; renewed at a third of it. */
  ttlMs: z.int().min(300).default(15_000),
});
export type AgentPresenceOptions = z.input<typeof AgentPresenceOptions>;

/**
 * Shows that the agents of this process are there, all of them together at a third of the time that a sign counts, however many they are.
 *
 * States: idle (no agents) ⇄ announcing; `close` ends it and says that they have left.
 */
export class AgentPresence {
  readonly instanceId: string;
  readonly #registry: AgentRegistry;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #ttlMs: number;
  readonly #agents = new Map<string, { card: AgentCard; tasks: Map<string, string> }>();
  #timer: Timer | undefined;
  #announcing: Promise<void> = Promise.resolve();
  #isAnnouncementDue = false;
  #isClosed = false;

  constructor(deps: { registry: AgentRegistry; clock: Clock; logger?: Logger; instanceId: string }, options: AgentPresenceOptions = {}) {
    this.instanceId = deps.instanceId;
    this.#registry = deps.registry;
    this.#clock = deps.clock;
    this.#logger = deps.logger ?? silentLogger;
    this.#ttlMs = AgentPresenceOptions.parse(options).ttlMs;
  }

  /**
   * Makes an agent known and present. Resolves when the registry has it, and also when it could not be told: it is told again.
   *
   * @throws InvalidInputError when the card is not valid
   */
  async join(card: AgentCardInput): Promise<Heartbeat> {
    const complete = AgentCard.parse(card);
    const tasks = new Map<string, string>();
    this.#agents.set(complete.name, { card: complete, tasks });
    const heartbeat: Heartbeat = {
      addTask: (taskId, label) => void tasks.set(taskId, label),
      removeTask: (taskId) => void tasks.delete(taskId),
      publish: () => this.#announce(),
    };
    await this.#announce().catch((error: unknown) => this.#logger.warn({ agent: complete.name, error: describeError(error) }, 'an agent could not be announced; it is tried again'));
    this.#arm();
    return heartbeat;
  }

  /** What the agents of this process work on, for people. */
  tasks(): { agent: string; taskId: string; label: string }[] {
    return [...this.#agents].flatMap(([agent, { tasks }]) => [...tasks].map(([taskId, label]) => ({ agent, taskId, label })));
  }

  async leave(name: string): Promise<void> {
    if (!this.#agents.delete(name)) return;
    await this.#announcing.catch(() => {}); // one that is under way still says that it is there
    await this.#registry.leave(this.instanceId, [name]).catch((error: unknown) => this.#logger.warn({ agent: name, error: describeError(error) }, 'a leaving agent could not be announced; its presence runs out'));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#announcing.catch(() => {});
    const names = [...this.#agents.keys()];
    this.#agents.clear();
    if (names.length > 0) await this.#registry.leave(this.instanceId, names).catch(() => {});
  }

  /** One announcement is under way at a time; those who ask meanwhile share the next. */
  #announce(): Promise<void> {
    if (this.#isAnnouncementDue) return this.#announcing;
    this.#isAnnouncementDue = true;
    this.#announcing = this.#announcing
      .catch(() => {})
      .then(() => {
        this.#isAnnouncementDue = false;
        const agents = [...this.#agents.values()].map(({ card, tasks }) => ({ card, activeTasks: tasks.size }));
        return this.#isClosed ? undefined : this.#registry.announce({ instanceId: this.instanceId, agents, ttlMs: this.#ttlMs });
      });
    this.#announcing.catch(() => {});
    return this.#announcing;
  }

  #arm(): void {
    if (this.#timer !== undefined || this.#isClosed) return;
    this.#timer = this.#clock.setTimer(
      this.#ttlMs / 3,
      () => {
        this.#timer = undefined;
        if (this.#agents.size === 0) return;
        void this.#announce()
          .catch((error: unknown) => this.#logger.warn({ error: describeError(error) }, 'agents could not be announced; it is tried again'))
          .finally(() => this.#arm());
      },
      { keepAlive: false },
    );
  }
}
