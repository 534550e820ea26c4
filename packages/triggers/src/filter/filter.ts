import type { TriggerEvent } from '../trigger-event.ts';
import { evaluateFilter } from './evaluate-filter.ts';
import { FilterEvaluationError } from './filter-values.ts';
import { parseFilterSyntax } from './parse-filter-syntax.ts';

/** A compiled filter expression. */
export interface Filter {
  /** As it was written. */
  readonly source: string;
  /** Whether the event passes. Never throws: an expression that has no answer for an event does not match, and the reason is reported. */
  matches(event: TriggerEvent): boolean;
}

/**
 * Compiles a filter expression: a small part of Python, with its own parser and interpreter and no way out of them.
 *
 * A bare name is a key of the payload; `payload`, `metadata`, `trigger_type`, `trigger_id` and `event_id` are the event's own. Whatever is missing is None.
 *
 * @param onEvaluationError - told why an event could not be decided, without any value of it
 * @throws FilterSyntaxError with the column and what was expected there
 */
export function parseFilter(source: string, onEvaluationError: (problem: string, event: TriggerEvent) => void = () => {}): Filter {
  const node = parseFilterSyntax(source);
  return {
    source,
    matches(event) {
      try {
        return evaluateFilter(node, event);
      } catch (error) {
        if (!(error instanceof FilterEvaluationError) && !(error instanceof RangeError)) throw error;
        onEvaluationError(error.message, event);
        return false;
      }
    },
  };
}
