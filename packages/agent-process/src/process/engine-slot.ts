import { describeError, type Logger } from '@cortex-runtime/core';

import type { RuntimeDependencies } from '../runtime/runtime-dependencies.ts';
import type { ProcessEngine } from './process-engine.ts';
import { Rest } from './rest.ts';

export interface EngineSlotPorts {
  deps: RuntimeDependencies;
  logger: Logger;
  isAwake(): boolean;
  /** Makes an engine and starts it, for a process that rested. */
  rouse(): Promise<void>;
  /** The engine is gone, and nothing but the calendar wakes the process. */
  onRest(): void;
}

/** Holds what makes a process run: an engine, or what stands for it while nothing but the calendar can wake the process. One change at a time. */
export class EngineSlot {
  readonly #ports: EngineSlotPorts;
  #engine: ProcessEngine | undefined;
  #rest: Rest | undefined;
  #operation: Promise<void> = Promise.resolve();

  constructor(ports: EngineSlotPorts) {
    this.#ports = ports;
  }

  get engine(): ProcessEngine | undefined {
    return this.#engine;
  }

  /** What its status shows. */
  get shown(): ProcessEngine | Rest | undefined {
    return this.#engine ?? this.#rest;
  }

  /** The engine, roused when the process rests; undefined when it does not run. */
  async engaged(): Promise<ProcessEngine | undefined> {
    if (this.#rest !== undefined) await this.#rouse();
    return this.#engine;
  }

  fill(engine: ProcessEngine): void {
    this.#engine = engine;
  }

  async tearDown(graceMs: number): Promise<void> {
    await this.#engine?.stop(graceMs);
    this.#engine = undefined;
  }

  /** Lets the engine go when its process waits for nothing but the calendar. */
  beginRest(engine: ProcessEngine): Promise<void> {
    return this.exclusive(async () => {
      if (this.#engine !== engine || this.#ports.isAwake()) return;
      this.#rest = Rest.begin(engine, this.#ports.deps, this.#alarm());
      if (this.#rest === undefined) return;
      this.#engine = undefined;
      await engine.stop(0);
      this.#ports.onRest();
    });
  }

  endRest(): void {
    this.#rest?.end();
    this.#rest = undefined;
  }

  /** One operation at a time; a second waits for the first. */
  exclusive(operation: () => Promise<void>): Promise<void> {
    const next = this.#operation.then(operation);
    this.#operation = next.catch(() => {});
    return next;
  }

  /** Made where no engine is in sight: what outlives it must not hold it. */
  #alarm(): () => void {
    return () => void this.#rouse().catch((error: unknown) => this.#ports.logger.error({ error: describeError(error) }, 'a resting process could not be roused'));
  }

  /** Makes the engine of a resting process anew. */
  #rouse(): Promise<void> {
    return this.exclusive(async () => {
      if (this.#rest === undefined) return;
      this.endRest();
      await this.#ports.rouse();
    });
  }
}
