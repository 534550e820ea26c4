import type { BaseTrigger, EventSubscriber, TriggerDependencies } from '../base-trigger.ts';
import type { TriggerConfig } from '../config/index.ts';
import { TriggerError } from '../errors.ts';
import { triggerIdOf } from '../trigger-id.ts';
import { SubscriptionTrigger } from './subscription-trigger.ts';

/** Wakes an agent by an event of the event bus; its id is that of the event, so a bus that delivers twice wakes once. */
export class EventTrigger extends SubscriptionTrigger implements BaseTrigger {
  readonly triggerType = 'event';
  readonly #eventBus: EventSubscriber;
  readonly #eventType: string;
  readonly #source: string | undefined;

  constructor(deps: TriggerDependencies, config: TriggerConfig) {
    const triggerId = triggerIdOf(config);
    super(deps, triggerId);
    if (config.eventType === undefined) throw new TriggerError('an event trigger needs event_type', { triggerId });
    if (deps.eventBus === undefined) throw new TriggerError(`trigger ${triggerId} needs an event bus, and this host has none; give the host an eventBus (CORTEX_REDIS_URL, or the in-memory bus)`, { triggerId });
    this.#eventBus = deps.eventBus;
    this.#eventType = config.eventType;
    this.#source = config.eventSource;
  }

  protected override subscribe(): Promise<() => Promise<void>> {
    const handler: Parameters<EventSubscriber['subscribe']>[1] = async ({ eventType, eventId, source, data, cause }) => {
      await this.deliver({
        triggerId: this.triggerId,
        triggerType: this.triggerType,
        eventId: `event:${this.triggerId}:${eventId}`,
        timestamp: this.deps.clock.now(),
        payload: { event_type: eventType, event_id: eventId, source, data },
        metadata: {},
        cause: cause ?? [],
      });
    };
    return this.#eventBus.subscribe(this.#eventType, handler, this.#source === undefined ? {} : { source: this.#source });
  }
}
