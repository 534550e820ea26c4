export { ContextConfig } from './context-config.ts';
export { OpenModeConfig } from './open-mode-config.ts';
export { ExecutionMode, ProcessConfig, TriggerDeliveryConfig } from './process-config.ts';
export { HttpServerConfig, ServerConfig, StdioServerConfig } from './server-config.ts';
