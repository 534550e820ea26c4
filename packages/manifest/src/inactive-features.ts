import { BreakerConfig } from '@cortex-runtime/governance/config';

import type { ProcessConfig } from './process-config.ts';

/** A setting that is read and checked, and then does nothing yet. */
export interface InactiveFeature {
  /** Dotted path in the process configuration's document. */
  path: string;
  message: string;
}

const inactive = 'accepted, has no effect in this version';

/**
 * What a configuration asks for and this version does not do. `cortex validate` shows it, and the runtime logs the same words when the agent starts, so
 * that nobody trusts a limit that is not there.
 */
export function inactiveFeatures(config: ProcessConfig): InactiveFeature[] {
  const found: InactiveFeature[] = [];
  const add = (applies: boolean, path: string, message = inactive) => {
    if (applies) found.push({ path, message });
  };
  add(config.executionMode === 'open', 'execution_mode', `${inactive}: the agent runs in strict mode`);
  const { memoryProvider } = config.context;
  add(memoryProvider === 'chroma' || memoryProvider === 'mem0', 'context.memory_provider', `${inactive}: the agent runs without long-term memory; use embedding, which finds by meaning, or file, postgres or in_memory`);
  add(config.secrets.enabled || Object.keys(config.secrets.secrets).length > 0, 'secrets', `${inactive}: the agent is given no secrets`);
  add(config.budget.enabled, 'budget', `${inactive}: nothing limits what the agent spends`);
  add(config.health.enabled, 'health', `${inactive}: behaviour is not watched`);
  add(config.mission.enabled, 'mission', `${inactive}: progress is not judged`);
  add(config.inbox.enabled, 'inbox', `${inactive}: people can not send messages to the agent`);
  add(config.approval !== undefined, 'approval', `${inactive}: which calls wait for an approval is said by plugins.NAME.actions and servers.NAME.tiers`);
  add(JSON.stringify(config.breaker) !== defaultBreaker, 'breaker', `${inactive}: chains of wakes are recorded and not stopped`);
  for (const [name, server] of Object.entries(config.servers)) {
    if ('url' in server) for (const [key, field] of serverFields) add(server[key] !== undefined, `servers.${name}.${field}`, `${inactive}: use bearer_token, api_key or headers`);
  }
  add(config.triggerDelivery.scanPayloads, 'trigger_delivery.scan_payloads', `${inactive}: payloads are not scanned`);
  for (const [key, name] of passedThrough) add(config[key] !== undefined && config[key] !== null, name);
  return found;
}

const defaultBreaker = JSON.stringify(BreakerConfig.parse({}));
const serverFields = [['auth', 'auth'], ['audience', 'audience'], ['forwardCallerToken', 'forward_caller_token']] as const;
const passedThrough = [['identity', 'identity'], ['guardrails', 'guardrails'], ['observe', 'observe'], ['cache', 'cache'], ['optimizeTools', 'optimize_tools'], ['adaptive', 'adaptive']] as const;
