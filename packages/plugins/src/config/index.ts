export { ActionTier } from '../action-tier.ts';
export { pluginNamePattern, pluginNameRule } from '../plugin-name.ts';
export { ActionTerms, PluginConfig } from './plugin-config.ts';
