import type { Timer } from '@cortex-runtime/core';

import type { RuntimeDependencies } from '../runtime/runtime-dependencies.ts';
import type { ProcessEngine } from './process-engine.ts';

/** A rest shorter than this is not worth the trouble; it also keeps an occurrence from being due while its trigger is put away. */
const shortestRestMs = 5_000;

/** What stays of the engine of a process that rests: one entry of the host's scheduler, and what its status shows. */
export class Rest {
  readonly triggerCount: number;
  readonly filteredCount: number;
  readonly isLanguageModel: boolean;
  readonly #alarm: Timer | undefined;

  private constructor(engine: ProcessEngine, alarm: Timer | undefined) {
    this.triggerCount = engine.triggerCount;
    this.filteredCount = engine.filteredCount;
    this.isLanguageModel = engine.isLanguageModel;
    this.#alarm = alarm;
  }

  /**
   * Lets an engine go whose process waits for nothing but the calendar: `onDue` is called when the next occurrence is due, to make the engine anew.
   *
   * @param onDue - must not hold the engine: it outlives it
   * @returns undefined when the engine has to stay: something else than the calendar wakes its process, or the next occurrence is near
   */
  static begin(engine: ProcessEngine, deps: RuntimeDependencies, onDue: () => void): Rest | undefined {
    const plan = engine.calendar();
    if (plan === undefined || (plan.dueAt !== undefined && plan.dueAt - deps.clock.now() < shortestRestMs)) return undefined;
    return new Rest(engine, plan.dueAt === undefined ? undefined : deps.scheduler.at(plan.dueAt, onDue, { alsoWhenSetBack: true }));
  }

  /** Takes the alarm back. */
  end(): void {
    this.#alarm?.cancel();
  }
}
