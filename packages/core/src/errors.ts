const brand = Symbol.for('@cortex-runtime/core/CortexError');

/**
 * The root of every error that Cortex throws on purpose.
 *
 * Callers branch on `code` and `retryable`, never on the message.
 */
export abstract class CortexError extends Error {
  /** A stable identifier: it crosses the bus and HTTP, appears in logs and in READMEs. */
  abstract readonly code: string;
  /** May the same call succeed later, unchanged? */
  readonly retryable: boolean = false;
  readonly [brand] = true;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }

  /** True for every subclass, also one that was loaded from a second installed copy of this package. */
  static is(value: unknown): value is CortexError {
    return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[brand] === true;
  }
}

/** Base of the runtime's errors; the seed's `RuntimeBaseError`. Some entries of the runtime throw it with a code of their own. */
export class RuntimeBaseError extends CortexError {
  readonly code: string = 'RUNTIME_ERROR';
}

/** A value handed to an API breaks its rule. The message names the field, the shape that was met and the fix. */
export class InvalidInputError extends CortexError {
  readonly code = 'INVALID_INPUT';
  /** Dotted path of the offending field, or the name of the parameter. */
  readonly field: string;

  constructor(field: string, problem: string, options?: ErrorOptions) {
    super(`${field}: ${problem}`, options);
    this.field = field;
  }
}

/** The message of anything that was thrown, with its causes, on one line; a cause that a message above it already tells is not told again. */
export function describeError(error: unknown): string {
  const parts: string[] = [];
  const isTold = (text: string) => asParts(parts.join(': ')).includes(asParts(text));
  let current: unknown = error;
  for (let depth = 0; current !== undefined && current !== null && depth < 5; depth += 1) {
    const text = current instanceof Error ? current.message || current.name : String(current);
    if (!isTold(text)) parts.push(text);
    current = current instanceof Error ? current.cause : undefined;
  }
  return parts.join(': ').replaceAll(/\s*\n\s*/g, ' ');
}

/** Between the same marks, whether messages are joined by colons or put in brackets. */
function asParts(text: string): string {
  return `: ${text}: `.replaceAll(/ ?[()]/g, ': ');
}
