import { createHash } from 'node:crypto';

import { TriggerConfig } from './config/index.ts';

/**
 * The name of a trigger: its `id`, or `<type>-<8 hex digits>` of what it is set to. The same over restarts and releases.
 *
 * Fields at their defaults do not count, so a release that adds a field renames nothing; nor does the secret, so a key can be rotated.
 */
export function triggerIdOf(config: TriggerConfig): string {
  if (config.id !== undefined) return config.id;
  const { hmacSecret: _, ...rest } = config;
  const defaults: Readonly<Record<string, unknown>> = TriggerConfig.parse({ type: config.type });
  const chosen = Object.entries(rest).filter(([key, value]) => value !== undefined && (key === 'type' || canonical(value) !== canonical(defaults[key])));
  const digest = createHash('sha256').update(canonical(Object.fromEntries(chosen))).digest('hex');
  return `${config.type}-${digest.slice(0, 8)}`;
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === 'object' && item !== null && !Array.isArray(item) ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1))) : item);
}
