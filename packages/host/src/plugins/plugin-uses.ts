import type { PluginView } from '@cortex-runtime/plugins';

/** A plugin, or a server with tiers, that agents may use. */
export interface PluginUse {
  /** What it is called in the registry. */
  readonly id: string;
  readonly name: string;
  /** What each agent gets of it, by the agent's name. */
  readonly views: ReadonlyMap<string, PluginView>;
  /** Why it could not be loaded. */
  readonly problem: string | undefined;
}

/** Which agents use which plugins of a host, also those that are not loaded. */
export class PluginUses {
  readonly #uses = new Map<string, { id: string; name: string; views: Map<string, PluginView>; problem: string | undefined }>();

  note(id: string, name: string, processName: string, view: PluginView): void {
    const use = this.#uses.get(id) ?? { id, name, views: new Map<string, PluginView>(), problem: undefined };
    use.views.set(processName, view);
    this.#uses.set(id, use);
  }

  /** @param problem - undefined when it was loaded after all */
  noteProblem(id: string, problem: string | undefined): void {
    const use = this.#uses.get(id);
    if (use !== undefined) use.problem = problem;
  }

  list(): PluginUse[] {
    return [...this.#uses.values()];
  }
}
