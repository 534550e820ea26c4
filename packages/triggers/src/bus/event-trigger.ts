import type { BaseTrigger, EventSubscriber, TriggerDependencies } from '../base-trigger.ts';
import type { TriggerConfig } from '../config/index.ts';
import { TriggerError } from '../errors.ts';
import { triggerIdOf } from '../trigger-id.ts';
import { SubscriptionTrigger } from './subscription-trigger.ts';

/** What an agent missed for longer than this is history to it. */
const longestAbsenceMs = 24 * 60 * 60_000;
/** Clocks of hosts and of the bus may differ by as much. */
const clockMarginMs = 60_000;

/** Wakes an agent by an event of the event bus, also by one that came while it was away; its id is that of the event, so a bus that delivers twice wakes once. */
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
    const since = this.#since();
    return this.#eventBus.subscribe(this.#eventType, handler, { ...(this.#source === undefined ? {} : { source: this.#source }), ...(since === undefined ? {} : { since }) });
  }

  /** From when on events are wanted: those that it had already are known by their ids. */
  #since(): number | undefined {
    const { clock, memory } = this.deps;
    const last = memory.lastEvent();
    const from = last === undefined ? memory.firstStartedAt() : last.timestamp - clockMarginMs;
    return from === undefined ? undefined : Math.max(from, clock.now() - longestAbsenceMs);
  }
}
