import { InMemoryAgentRegistry, type Announcement } from '../../src/index.ts';
import { gate } from './mesh.ts';

/** A registry that takes in no announcement until it is opened. */
export class HeldRegistry extends InMemoryAgentRegistry {
  readonly #asked = gate();
  readonly #held = gate();

  /** Resolves when somebody wants to be announced. */
  get asked(): Promise<void> {
    return this.#asked.opened;
  }

  open(): void {
    this.#held.open();
  }

  override async announce(announcement: Announcement): Promise<void> {
    this.#asked.open();
    await this.#held.opened;
    await super.announce(announcement);
  }
}
