export { BreakerConfig, BudgetConfig, EscalationTarget, HealthConfig, MissionConfig, SecretScopeConfig, ToolCostAnnotation } from './config/index.ts';
