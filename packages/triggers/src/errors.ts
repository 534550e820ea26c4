import { CortexError, RuntimeBaseError } from '@cortex-runtime/core';

/** A trigger can not be made, started, or can not produce events. The message names the trigger or the field, and what to do. */
export class TriggerError extends RuntimeBaseError {
  override readonly code = 'TRIGGER_ERROR';
  override readonly retryable: boolean;
  /** The trigger, where there is one already. */
  readonly triggerId: string | undefined;

  constructor(message: string, options: ErrorOptions & { triggerId?: string; retryable?: boolean } = {}) {
    super(message, options);
    this.retryable = options.retryable ?? false;
    this.triggerId = options.triggerId;
  }
}

/** `waitForNext` was called on, or interrupted by the stop of, a trigger: the end of a loop, not a failure. */
export class TriggerStoppedError extends CortexError {
  readonly code = 'TRIGGER_STOPPED';
  readonly triggerId: string;

  constructor(triggerId: string, options?: ErrorOptions) {
    super(`trigger ${triggerId} is stopped; start it before waiting for its events`, options);
    this.triggerId = triggerId;
  }
}

/** A filter expression breaks the grammar or a bound. Nothing of it was kept. */
export class FilterSyntaxError extends CortexError {
  readonly code = 'FILTER_SYNTAX';
  /** 1 for the first character. */
  readonly column: number;

  constructor(column: number, problem: string, options?: ErrorOptions) {
    super(`filter_expression, column ${column}: ${problem}`, options);
    this.column = column;
  }
}

/** A cron expression or its time zone is not usable. */
export class CronExpressionError extends CortexError {
  readonly code = 'CRON_EXPRESSION';
  /** The field of the configuration that is wrong. */
  readonly field: 'cron_expression' | 'cron_timezone';

  constructor(field: 'cron_expression' | 'cron_timezone', problem: string, options?: ErrorOptions) {
    super(`${field}: ${problem}`, options);
    this.field = field;
  }
}
