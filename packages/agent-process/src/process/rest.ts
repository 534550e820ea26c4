import { describeError, type Clock, type Logger } from '@cortex-runtime/core';
import type { CronScheduler } from '@cortex-runtime/triggers';

import type { ProcessEngine } from './process-engine.ts';

export interface RestPorts {
  clock: Clock;
  scheduler: CronScheduler;
  logger: Logger;
  rouse(): Promise<void>;
}

/** A rest shorter than this is not worth the trouble; it also keeps an occurrence from being due while its trigger is put away. */
const shortestRestMs = 5_000;

/** What stays of the engine of a process that rests: one entry of the host's scheduler, and what its status shows. */
export interface Rest {
  readonly triggerCount: number;
  readonly filteredCount: number;
  readonly isLanguageModel: boolean;
  /** Takes the alarm back. */
  end(): void;
}

/**
 * Lets an engine go whose process waits for nothing but the calendar: when the next occurrence is due, the process is roused and its engine made anew.
 *
 * @returns undefined when the engine has to stay: something else than the calendar wakes its process, or the next occurrence is near
 */
export function beginRest(engine: ProcessEngine, ports: RestPorts): Rest | undefined {
  const plan = engine.calendar();
  if (plan === undefined || (plan.dueAt !== undefined && plan.dueAt - ports.clock.now() < shortestRestMs)) return undefined;
  const onDue = () => {
    void ports.rouse().catch((error: unknown) => ports.logger.error({ error: describeError(error) }, 'a resting process could not be roused'));
  };
  const alarm = plan.dueAt === undefined ? undefined : ports.scheduler.at(plan.dueAt, onDue, { alsoWhenSetBack: true });
  return { triggerCount: engine.triggerCount, filteredCount: engine.filteredCount, isLanguageModel: engine.isLanguageModel, end: () => alarm?.cancel() };
}
