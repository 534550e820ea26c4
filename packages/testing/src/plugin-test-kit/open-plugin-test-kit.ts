import { idGenerator, silentLogger, type Clock, type JsonObject } from '@cortex-runtime/core';
import { systemClock, systemRandom } from '@cortex-runtime/core/node';
import { InMemoryJournal } from '@cortex-runtime/journal';
import { createPluginRegistry, operatorTokens, type ApprovalRequest, type ExecuteOptions, type PluginRegistry, type PluginRegistryOptions, type PluginResult, type ServicePlugin, type Tool } from '@cortex-runtime/plugins';

import { fakeCredentialBroker, type FakeCredentialBroker } from './fake-credential-broker.ts';

export interface PluginTestKitOptions {
  credentials?: Readonly<Record<string, string>>;
  /** What the operator sets for the plugin; it comes with `setup`. */
  settings?: JsonObject;
  /** What the person in the test says to a request for an approval. Default: approves everything. */
  answer?: (request: ApprovalRequest) => 'approve' | 'deny' | 'wait';
  clock?: Clock;
  registry?: PluginRegistryOptions;
}

/** A plugin in a registry of its own, as an agent would meet it. */
export interface PluginTestKit extends AsyncDisposable {
  readonly registry: PluginRegistry;
  readonly broker: FakeCredentialBroker;
  /** Requests for approvals, in order. */
  readonly asked: readonly ApprovalRequest[];
  /** Calls an action through everything that stands before it; ADMIN actions with an operator's credential. */
  execute(action: string, params?: JsonObject, options?: ExecuteOptions): Promise<PluginResult>;
  /** The plugin's actions as an agent sees them. */
  tools(): Promise<readonly Tool[]>;
  close(): Promise<void>;
}

const operatorCredential = 'operator-of-the-test-kit';

/** Registers `plugin` with what a test needs around it. Nothing is set up before the first call. */
export async function openPluginTestKit(plugin: ServicePlugin, options: PluginTestKitOptions = {}): Promise<PluginTestKit> {
  const { clock = systemClock, answer = () => 'approve' } = options;
  const createId = idGenerator({ clock, random: systemRandom });
  const broker = fakeCredentialBroker(options.credentials);
  const asked: ApprovalRequest[] = [];
  const registry = createPluginRegistry(
    { clock, createId, logger: silentLogger, journal: new InMemoryJournal({ clock, createId }), broker, operators: operatorTokens({ 'the test': operatorCredential }) },
    { ...options.registry, settings: { ...options.registry?.settings, ...(options.settings === undefined ? {} : { [plugin.name]: options.settings }) } },
  );
  registry.watchApprovals((request) => {
    if (request.status !== 'pending') return;
    asked.push(request);
    const said = answer(request);
    // A failure shows as a call that goes on waiting, and the approval as one that is still pending.
    if (said !== 'wait') void registry[said](request.id, { by: 'the test' }).catch(() => undefined);
  });
  await registry.register(plugin);
  return {
    registry,
    broker,
    asked,
    execute: (action, params = {}, executeOptions = {}) => registry.execute(plugin.name, action, params, { operatorCredential, ...executeOptions }),
    tools: () => registry.toolSource(plugin.name).tools(),
    close: () => registry.close(),
    [Symbol.asyncDispose]: () => registry.close(),
  };
}
