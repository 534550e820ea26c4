export type { BaseTrigger, EventSubscriber, MessageSubscriber, ReceivedMessage, ReceivedTask, TaskFeed, TaskSubscriber, TriggerDependencies, TriggerFactory, TriggerMemory } from './base-trigger.ts';
export { EventTrigger } from './bus/event-trigger.ts';
export { MessageTrigger } from './bus/message-trigger.ts';
export { TaskTrigger } from './bus/task-trigger.ts';
export { TriggerConfig, builtInTriggerTypes, type BuiltInTriggerType } from './config/index.ts';
export type { CronSecondsPosition } from './cron/cron-fields.ts';
export { cronSchedule, nextOccurrence, type CronSchedule } from './cron/cron-schedule.ts';
export type { CronScheduler } from './cron/cron-scheduler.ts';
export { CronTrigger } from './cron/cron-trigger.ts';
export { CronSchedulerOptions, cronScheduler } from './cron/heap-scheduler.ts';
export { CronExpressionError, FilterSyntaxError, TriggerError, TriggerStoppedError } from './errors.ts';
export { FileWatchTrigger } from './file-watch/file-watch-trigger.ts';
export { parseFilter, type Filter } from './filter/filter.ts';
export { triggerEventFromDocument, triggerEventToDocument, type TriggerEvent, type TriggerEventDocument } from './trigger-event.ts';
export { triggerIdOf } from './trigger-id.ts';
export {
  createTrigger, createTriggerRegistry, defaultTriggerRegistry, registerTriggerType, registeredTriggerTypes, unregisterTriggerType, type TriggerRegistry,
} from './trigger-registry.ts';
export { validateTriggerConfig } from './validate-trigger-config.ts';
export { createWebhookRoutes } from './webhook/create-webhook-routes.ts';
export type { WebhookHandler, WebhookRequest, WebhookResponse, WebhookRoute, WebhookRoutes } from './webhook/webhook-routes.ts';
export { WebhookTrigger } from './webhook/webhook-trigger.ts';
