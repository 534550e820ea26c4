export { createPlugin, CreatePluginError, pluginNameOf, type CreatePluginInput } from './create-plugin.ts';
export { main, type MainContext } from './main.ts';
