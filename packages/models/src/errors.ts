import { CortexError } from '@cortex-runtime/core';

/** A model call that failed. Subclasses say how; messages never hold a key or a prompt. */
export abstract class ModelError extends CortexError {
  readonly modelId: string;
  /** HTTP status of the provider's answer, where there was one. */
  readonly status: number | undefined;

  constructor(modelId: string, message: string, options: ErrorOptions & { status?: number | undefined } = {}) {
    const { status, ...rest } = options;
    super(message, rest);
    this.modelId = modelId;
    this.status = status;
  }
}

/** A model id names no provider that is registered. */
export class ModelProviderUnknownError extends CortexError {
  readonly code = 'MODEL_PROVIDER_UNKNOWN';
  readonly modelId: string;

  constructor(modelId: string, problem: string) {
    super(`model ${JSON.stringify(modelId)}: ${problem}`);
    this.modelId = modelId;
  }
}

/** The npm package that speaks to this provider is not installed. */
export class ModelProviderMissingError extends CortexError {
  readonly code = 'MODEL_PROVIDER_MISSING';
  readonly packageName: string;

  constructor(modelId: string, packageName: string, options?: ErrorOptions) {
    super(`model ${modelId} needs the package ${packageName}, which is not installed: npm install ${packageName}`, options);
    this.packageName = packageName;
  }
}

/** A key, a base URL or another setting of the provider is not there. */
export class ModelSettingMissingError extends CortexError {
  readonly code = 'MODEL_SETTING_MISSING';
  /** Environment variable that would supply it. */
  readonly variable: string;

  constructor(modelId: string, variable: string, what: string, options?: ErrorOptions) {
    super(`model ${modelId} needs ${what}: set ${variable}`, options);
    this.variable = variable;
  }
}

/** The provider was reached, and did not do what it was asked. */
export abstract class ModelExecutionError extends ModelError {}

/** The provider did not accept the key (401, 403). */
export class ModelUnauthorizedError extends ModelExecutionError {
  readonly code = 'MODEL_UNAUTHORIZED';
}

/** The provider refused the request as it is: unknown model, too long, not allowed. The same request will fail again. */
export class ModelRequestRefusedError extends ModelExecutionError {
  readonly code = 'MODEL_REQUEST_REFUSED';
}

/** Too many requests or tokens (429). */
export class ModelRateLimitedError extends ModelExecutionError {
  readonly code = 'MODEL_RATE_LIMITED';
  override readonly retryable = true;
  /** Milliseconds that the provider asked to wait, where it said so. */
  readonly retryAfterMs: number | undefined;

  constructor(modelId: string, message: string, options: ErrorOptions & { status?: number | undefined; retryAfterMs?: number | undefined } = {}) {
    const { retryAfterMs, ...rest } = options;
    super(modelId, message, rest);
    this.retryAfterMs = retryAfterMs;
  }
}

/** The provider could not be reached, or answered 408 or 5xx. */
export class ModelUnavailableError extends ModelError {
  readonly code = 'MODEL_UNAVAILABLE';
  override readonly retryable = true;
  readonly retryAfterMs: number | undefined;

  constructor(modelId: string, message: string, options: ErrorOptions & { status?: number | undefined; retryAfterMs?: number | undefined } = {}) {
    const { retryAfterMs, ...rest } = options;
    super(modelId, message, rest);
    this.retryAfterMs = retryAfterMs;
  }
}

/** No complete answer within `timeoutMs`. It may have been billed. */
export class ModelTimeoutError extends ModelError {
  readonly code = 'MODEL_TIMEOUT';
  override readonly retryable = true;
}

/** The answer began and broke off. What had arrived is void: none of its tool calls was delivered. */
export class ModelStreamBrokenError extends ModelExecutionError {
  readonly code = 'MODEL_STREAM_BROKEN';
  override readonly retryable = true;
}

/** The provider answered in good order, but not what was asked for: too few vectors, or vectors that are none. */
export class ModelAnswerInvalidError extends ModelExecutionError {
  readonly code = 'MODEL_ANSWER_INVALID';
}

/** The caller's signal ended the call. */
export class ModelAbortedError extends ModelError {
  readonly code = 'MODEL_ABORTED';
}

/** The file of a `scripted:` model can not be read. */
export class ModelScriptUnreadableError extends CortexError {
  readonly code = 'MODEL_SCRIPT_UNREADABLE';
  readonly path: string;

  constructor(path: string, problem: string, options?: ErrorOptions) {
    super(`the model script ${path} can not be read: ${problem}`, options);
    this.path = path;
  }
}

/** No rule of a `scripted:` model fits the request, and it has no fallback. */
export class ModelScriptNoRuleError extends ModelError {
  readonly code = 'MODEL_SCRIPT_NO_RULE';
}
