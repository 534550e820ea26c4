export { BusConfig, DurabilityClass, type BusSettings } from './bus-config.ts';
export { busConfigFromEnvironment } from './bus-environment.ts';
