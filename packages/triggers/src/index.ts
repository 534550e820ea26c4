export type { BaseTrigger, EventSubscriber, MessageSubscriber, TriggerDependencies, TriggerFactory, TriggerMemory } from './base-trigger.ts';
export type { CronScheduler } from './cron/cron-scheduler.ts';
export { triggerEventFromDocument, triggerEventToDocument, type TriggerEvent, type TriggerEventDocument } from './trigger-event.ts';
export type { WebhookHandler, WebhookRequest, WebhookResponse, WebhookRoute, WebhookRoutes } from './webhook/webhook-routes.ts';
export { TriggerConfig, builtInTriggerTypes, type BuiltInTriggerType } from './config/index.ts';
