import type { Logger } from '@cortex-runtime/core';

/** A child logger that is made with its first line: most of ten thousand idle agents never write one. */
export class LazyLogger implements Logger {
  readonly #parent: Logger;
  readonly #facts: Record<string, unknown>;
  #child: Logger | undefined;

  constructor(parent: Logger, facts: Record<string, unknown>) {
    this.#parent = parent;
    this.#facts = facts;
  }

  debug(facts: object, message: string): void {
    this.#logger().debug(facts, message);
  }

  info(facts: object, message: string): void {
    this.#logger().info(facts, message);
  }

  warn(facts: object, message: string): void {
    this.#logger().warn(facts, message);
  }

  error(facts: object, message: string): void {
    this.#logger().error(facts, message);
  }

  child(facts: Record<string, unknown>): Logger {
    return new LazyLogger(this.#parent, { ...this.#facts, ...facts });
  }

  #logger(): Logger {
    this.#child ??= this.#parent.child(this.#facts);
    return this.#child;
  }
}
