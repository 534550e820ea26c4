export type { CallOptions } from './contract-call.ts';
export { createOrchestrationClient, type OrchestrationClient, type OrchestrationClientOptions } from './orchestration-client.ts';
export { OrchestrationError } from './errors.ts';
export { readServerSentEvents, type ServerSentEvent } from './server-sent-events.ts';
