import type { BaseTrigger, TaskFeed, TaskSubscriber, TriggerDependencies } from '../base-trigger.ts';
import type { TriggerConfig } from '../config/index.ts';
import { TriggerError } from '../errors.ts';
import { triggerIdOf } from '../trigger-id.ts';
import { SubscriptionTrigger } from './subscription-trigger.ts';

/**
 * Wakes an agent by a task that is for it, or for a domain of it. A task leaves the stream when it is in the agent's journal, and the agent takes no more than it can
 * begin: what waits, waits where others can take it.
 */
export class TaskTrigger extends SubscriptionTrigger implements BaseTrigger {
  readonly triggerType = 'task';
  readonly #tasks: TaskSubscriber;
  readonly #domains: readonly string[];
  readonly #primaryFor: readonly string[];
  #feed: TaskFeed | undefined;

  constructor(deps: TriggerDependencies, config: TriggerConfig) {
    const triggerId = triggerIdOf(config);
    super(deps, triggerId);
    if (deps.tasks === undefined) throw new TriggerError(`trigger ${triggerId} needs a dispatcher of tasks, and this host has none; give the host one (CORTEX_REDIS_URL, or the in-memory bus)`, { triggerId });
    this.#tasks = deps.tasks;
    this.#domains = config.taskDomains;
    this.#primaryFor = config.taskPrimaryFor;
  }

  override async acknowledge(...given: Parameters<NonNullable<BaseTrigger['acknowledge']>>): Promise<void> {
    // Before the task is settled, so that no other is taken in its place.
    this.#feed?.limit(this.#places);
    await super.acknowledge(...given);
  }

  eventClosed(): void {
    this.#feed?.limit(this.#places);
  }

  protected override async subscribe(): Promise<() => Promise<void>> {
    const { processName: name, description } = this.deps;
    const agent = { name, domains: this.#domains, primaryFor: this.#primaryFor, places: this.#places, ...(description === undefined ? {} : { description }) };
    const feed = await this.#tasks.subscribe(agent, async ({ taskId, payload, replyTo, cause }) => {
      return this.deliver({
        triggerId: this.triggerId,
        triggerType: this.triggerType,
        eventId: `task:${taskId}`,
        timestamp: this.deps.clock.now(),
        payload,
        metadata: { reply_to: replyTo },
        cause: cause ?? [],
      });
    });
    this.#feed = feed;
    return async () => {
      this.#feed = undefined;
      await feed.stop();
    };
  }

  get #places(): number {
    return Math.max(0, (this.deps.concurrency ?? 1) - this.deps.memory.openEvents());
  }
}
