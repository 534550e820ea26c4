export { TriggerConfig, builtInTriggerTypes, type BuiltInTriggerType } from './trigger-config.ts';
