import { CortexError } from '../errors.ts';

/** One thing that is wrong with a document. */
export interface DocumentIssue {
  /** Where, as keys and indexes of the document. */
  segments: readonly (string | number)[];
  /** The same as text: `triggers[0].cron_expression`; `(document)` for the whole. */
  path: string;
  /** What is wrong, what was met and how to mend it. */
  message: string;
  /** The last segment is a key that the schema does not have. */
  unknownKey?: true;
}

/** A document (manifest, HTTP body, configuration) does not fit its schema. Nothing of it was used. */
export class DocumentError extends CortexError {
  readonly code = 'DOCUMENT_INVALID';
  readonly issues: readonly DocumentIssue[];

  constructor(what: string, issues: readonly DocumentIssue[], options?: ErrorOptions) {
    super(`${what} is not valid: ${issues.map((issue) => `${issue.path}: ${issue.message}`).join('; ')}`, options);
    this.issues = issues;
  }
}

/** `triggers[0].cron_expression` of `['triggers', 0, 'cron_expression']`. */
export function formatPath(segments: readonly (string | number)[]): string {
  if (segments.length === 0) return '(document)';
  let text = '';
  for (const segment of segments) {
    if (typeof segment === 'number') text += `[${segment}]`;
    else if (/^[\w-]+$/.test(segment)) text += text === '' ? segment : `.${segment}`;
    else text += `[${JSON.stringify(segment)}]`;
  }
  return text;
}
