import type { JsonObject } from '@cortex-runtime/core';

export const PluginHealthStatus = { HEALTHY: 'healthy', DEGRADED: 'degraded', UNHEALTHY: 'unhealthy' } as const;
export type PluginHealthStatus = (typeof PluginHealthStatus)[keyof typeof PluginHealthStatus];

/** How a plugin says it is. */
export interface PluginHealthReport {
  readonly plugin: string;
  readonly status: PluginHealthStatus;
  readonly details?: JsonObject | undefined;
  readonly error?: string | undefined;
}
