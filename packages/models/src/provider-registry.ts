import { InvalidInputError, nearestName } from '@cortex-runtime/core';

import { ModelProviderUnknownError } from './errors.ts';

/** A model id in its two parts, and who makes it. */
export interface RegisteredProvider<F> {
  factory: F;
  model: { modelId: string; name: string };
}

/** Makers of models by the name in front of the colon of a model id. */
export class ProviderRegistry<F> {
  readonly #what: string;
  readonly #factories: Map<string, F>;
  readonly #shapes: Readonly<Record<string, string>>;

  /**
   * @param what - what the makers make, for messages: `model`
   * @param shapes - what stands behind the colon, where it is not the name of a model
   */
  constructor(what: string, factories: Readonly<Record<string, F>>, shapes: Readonly<Record<string, string>> = {}) {
    this.#what = what;
    this.#factories = new Map(Object.entries(factories));
    this.#shapes = shapes;
  }

  /** @throws InvalidInputError when the name is taken or is not lower-case letters, digits and `-` */
  register(name: string, factory: F): () => void {
    if (!/^[a-z][a-z0-9-]{0,63}$/.test(name)) throw new InvalidInputError('name', `must be lower-case letters, digits and "-", got ${JSON.stringify(name)}`);
    if (this.#factories.has(name)) throw new InvalidInputError('name', `the ${this.#what} provider ${name} is registered already`);
    this.#factories.set(name, factory);
    return () => {
      if (this.#factories.get(name) === factory) this.#factories.delete(name);
    };
  }

  /** Sorted. */
  names(): string[] {
    return [...this.#factories.keys()].sort();
  }

  /** @throws ModelProviderUnknownError when there is no such provider, or no name behind it */
  find(modelId: string): RegisteredProvider<F> {
    const colon = modelId.indexOf(':');
    const provider = colon === -1 ? modelId : modelId.slice(0, colon);
    const name = colon === -1 ? '' : modelId.slice(colon + 1);
    const factory = this.#factories.get(provider);
    if (factory === undefined) {
      const known = this.names();
      const near = nearestName(provider, known);
      const shape = colon === -1 ? 'a model is written provider:model; ' : '';
      const kind = this.#what === 'model' ? '' : `${this.#what} `;
      throw new ModelProviderUnknownError(modelId, `${shape}there is no ${kind}provider ${JSON.stringify(provider)}${near === undefined ? '' : `, did you mean ${near}?`}; providers are ${known.join(', ')}`);
    }
    if (name === '') throw new ModelProviderUnknownError(modelId, `names no model; write ${provider}:${this.#shapes[provider] ?? 'model'}`);
    return { factory, model: { modelId, name } };
  }
}
