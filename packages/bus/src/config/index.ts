export { BusConfig, DurabilityClass, type BusSettings } from './bus-config.ts';
export { isAllowed, MeshAccess } from './mesh-access.ts';
export { busConfigFromEnvironment } from './bus-environment.ts';
