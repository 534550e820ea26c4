import { CortexError, nearestName } from '@cortex-runtime/core';

/** Which plugin, and which of its actions, an error is about. */
export abstract class PluginError extends CortexError {
  readonly plugin: string;
  readonly action: string | undefined;

  constructor(plugin: string, action: string | undefined, message: string, options?: ErrorOptions) {
    super(`${action === undefined ? plugin : `${plugin}.${action}`}: ${message}`, options);
    this.plugin = plugin;
    this.action = action;
  }
}

/** No plugin of this name is registered. */
export class PluginNotFoundError extends PluginError {
  readonly code = 'PLUGIN_NOT_FOUND';

  constructor(plugin: string, known: Iterable<string>) {
    super(plugin, undefined, `there is no such plugin${didYouMean(plugin, known)}`);
  }
}

/** The plugin has no action of this name. */
export class PluginActionNotFoundError extends PluginError {
  readonly code = 'PLUGIN_ACTION_NOT_FOUND';

  constructor(plugin: string, action: string, known: Iterable<string>) {
    super(plugin, action, `there is no such action${didYouMean(action, known)}`);
  }
}

/** A plugin of this name is registered already; the first one stays. */
export class PluginExistsError extends PluginError {
  readonly code = 'PLUGIN_EXISTS';

  constructor(plugin: string) {
    super(plugin, undefined, 'a plugin of this name is registered already; unload it first, or give one of them another name');
  }
}

/** What was registered is no plugin, or says something about itself that can not be. */
export class PluginInvalidError extends PluginError {
  readonly code = 'PLUGIN_INVALID';

  constructor(plugin: string, problem: string, options?: ErrorOptions) {
    super(plugin, undefined, problem, options);
  }
}

/** Setup failed, or is not done yet. The next use tries again. */
export class PluginSetupError extends PluginError {
  readonly code = 'PLUGIN_SETUP_FAILED';
  override readonly retryable = true;

  constructor(plugin: string, problem: string, options?: ErrorOptions) {
    super(plugin, undefined, `setup ${problem}`, options);
  }
}

/** One parameter that does not fit. */
export interface PluginValidationIssue {
  /** Dotted; empty for the parameters as a whole. */
  path: string;
  problem: string;
}

/** The parameters do not fit the action's schema. No code of the plugin has run. */
export class PluginValidationError extends PluginError {
  readonly code = 'PLUGIN_VALIDATION';
  readonly issues: readonly PluginValidationIssue[];

  constructor(plugin: string, action: string, message: string, issues: readonly PluginValidationIssue[], options?: ErrorOptions) {
    super(plugin, action, message, options);
    this.issues = issues;
  }
}

/** The plugin tried and failed. `retryable` is the plugin's word that nothing was done. */
export class PluginActionError extends PluginError {
  readonly code = 'PLUGIN_ACTION_FAILED';
  override readonly retryable: boolean;

  constructor(plugin: string, action: string, problem: string, options: ErrorOptions & { retryable?: boolean } = {}) {
    const { retryable = false, ...rest } = options;
    super(plugin, action, problem, rest);
    this.retryable = retryable;
  }
}

/** The service refused the plugin's credentials. */
export class PluginAuthError extends PluginError {
  readonly code = 'PLUGIN_AUTH';

  constructor(plugin: string, problem: string, options?: ErrorOptions) {
    super(plugin, undefined, problem, options);
  }
}

/** Called too often: by the limit of the action, or by the word of the service. Nothing was done. */
export class PluginRateLimitError extends PluginError {
  readonly code = 'PLUGIN_RATE_LIMIT';
  override readonly retryable = true;
  readonly retryAfterMs: number;

  constructor(plugin: string, action: string | undefined, retryAfterMs: number, options?: ErrorOptions) {
    super(plugin, action, `called too often; try again in ${Math.ceil(retryAfterMs / 1_000)} s`, options);
    this.retryAfterMs = retryAfterMs;
  }
}

/** Too many calls are under way. Nothing was done. */
export class PluginBusyError extends PluginError {
  readonly code = 'PLUGIN_BUSY';
  override readonly retryable = true;

  constructor(plugin: string, action: string, problem: string) {
    super(plugin, action, problem);
  }
}

/** The plugin was unloaded while the call waited. Nothing was done. */
export class PluginUnloadedError extends PluginError {
  readonly code = 'PLUGIN_UNLOADED';
  override readonly retryable = true;

  constructor(plugin: string) {
    super(plugin, undefined, 'was unloaded before the call began');
  }
}

/** An idempotency key came a second time with other parameters. */
export class PluginCallConflictError extends PluginError {
  readonly code = 'PLUGIN_CALL_CONFLICT';

  constructor(plugin: string, action: string, idempotencyKey: string) {
    super(plugin, action, `the idempotency key ${JSON.stringify(idempotencyKey)} was used before with other parameters; a new call needs a new key`);
  }
}

/** There is no credential of this name for the plugin that asks. */
export class CredentialNotFoundError extends CortexError {
  readonly code = 'CREDENTIAL_NOT_FOUND';
  readonly credential: string;

  constructor(credential: string, hint: string) {
    super(`there is no credential ${JSON.stringify(credential)}: ${hint}`);
    this.credential = credential;
  }
}

function didYouMean(name: string, known: Iterable<string>): string {
  const names = [...known];
  const near = nearestName(name, names);
  if (near !== undefined) return `; did you mean ${near}?`;
  return names.length === 0 ? '' : `; there are ${names.slice(0, 20).join(', ')}`;
}
