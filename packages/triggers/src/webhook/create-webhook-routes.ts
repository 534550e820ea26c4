import { TriggerError } from '../errors.ts';
import type { WebhookRoute, WebhookRoutes } from './webhook-routes.ts';

/** An empty table of webhooks; a host makes one and gives it to its triggers and to its HTTP server. */
export function createWebhookRoutes(): WebhookRoutes {
  const routes = new Map<string, Map<string, WebhookRoute>>();
  return {
    add(route) {
      const ofProcess = routes.get(route.processName) ?? new Map<string, WebhookRoute>();
      if (ofProcess.has(route.path)) {
        throw new TriggerError(`process ${route.processName} has a webhook at ${route.path} already; give one of them another webhook_path`);
      }
      ofProcess.set(route.path, route);
      routes.set(route.processName, ofProcess);
      return () => {
        if (ofProcess.get(route.path) !== route) return;
        ofProcess.delete(route.path);
        if (ofProcess.size === 0 && routes.get(route.processName) === ofProcess) routes.delete(route.processName);
      };
    },
    find: (processName, path) => routes.get(processName)?.get(path),
  };
}
