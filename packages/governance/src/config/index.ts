export { BreakerConfig } from './breaker-config.ts';
export { BudgetConfig, ToolCostAnnotation } from './budget-config.ts';
export { EscalationTarget } from './escalation-config.ts';
export { HealthConfig } from './health-config.ts';
export { MissionConfig } from './mission-config.ts';
export { SecretScopeConfig } from './secrets-config.ts';
