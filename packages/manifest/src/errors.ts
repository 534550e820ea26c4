import { RuntimeBaseError } from '@cortex-runtime/core';

/** One thing about a manifest, with its place in the file. */
export interface ManifestProblem {
  /** Dotted path in the document: `triggers[0].cron_expression`. */
  path: string;
  message: string;
  /** Counted from 1; absent when the manifest did not come from a text. */
  line?: number;
  /** Counted from 1. */
  column?: number;
}

/** A manifest can not be read: no file, not text, not YAML, too large, or made to harm. */
export class ManifestError extends RuntimeBaseError {
  override readonly code: string = 'MANIFEST_ERROR';
  readonly filePath: string;
  readonly line: number | undefined;
  readonly column: number | undefined;

  /** @param options - `message` replaces the usual `file:line:column: problem` */
  constructor(filePath: string, problem: string, place: { line?: number; column?: number } = {}, options: ErrorOptions & { message?: string } = {}) {
    super(options.message ?? `${atPlace(filePath, place)}: ${problem}`, options);
    this.filePath = filePath;
    this.line = place.line;
    this.column = place.column;
  }
}

/** A manifest is YAML, but does not fit the schema. `errors` has everything that is wrong; the message has one line for each. */
export class ManifestValidationError extends ManifestError {
  override readonly code: string = 'MANIFEST_INVALID';
  readonly errors: readonly ManifestProblem[];

  constructor(errors: readonly ManifestProblem[], filePath: string, options?: ErrorOptions) {
    const { line, column } = errors[0] ?? {};
    const place = { ...(line === undefined ? {} : { line }), ...(column === undefined ? {} : { column }) };
    super(filePath, 'is not valid', place, errors.length === 0 ? options : { ...options, message: errors.map((error) => formatProblem(filePath, error)).join('\n') });
    this.errors = errors;
  }
}

/** `agents/x.agent:12:3: triggers[0].cron_expresion: unknown key; did you mean "cron_expression"?` */
export function formatProblem(filePath: string, problem: ManifestProblem): string {
  return `${atPlace(filePath, problem)}: ${problem.path}: ${problem.message}`;
}

function atPlace(filePath: string, { line, column }: { line?: number; column?: number }): string {
  return line === undefined ? filePath : `${filePath}:${line}:${column ?? 1}`;
}
