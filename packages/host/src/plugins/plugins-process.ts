/** The process of a host's journal that holds what plugins were asked to do and what people said to it; no agent can have this name. */
export const pluginsProcessId = 'plugins';
