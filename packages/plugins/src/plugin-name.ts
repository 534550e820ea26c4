/** How plugins may be named: what agents see is `<plugin>__<action>`, and the first `__` has to be the one between them. */
export const pluginNamePattern = /^(?=.{1,40}$)[A-Za-z0-9]+([_-][A-Za-z0-9]+)*$/;

/** The same in words. */
export const pluginNameRule = 'letters and digits, with single "_" or "-" in between, at most 40 characters';
