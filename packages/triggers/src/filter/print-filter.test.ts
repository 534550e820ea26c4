import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { FilterSyntaxError } from '../errors.ts';
import { evaluateFilter } from './evaluate-filter.ts';
import { comparisonOperators, filterBounds, type FilterNode } from './filter-syntax.ts';
import { FilterEvaluationError } from './filter-values.ts';
import { parseFilterSyntax } from './parse-filter-syntax.ts';
import { printFilter } from './print-filter.ts';

const literal: fc.Arbitrary<FilterNode> = fc.oneof(
  fc.string({ maxLength: 8, unit: 'binary' }), fc.nat(1_000_000), fc.constantFrom(0.5, 1e21, 1.25e-7, 3.75), fc.boolean(), fc.constant(null),
).map((value) => ({ kind: 'literal', value }));
const name = fc.constantFrom('payload', 'metadata', 'action', 'len', 'x1', 'trigger_id');
const constant = fc.constantFrom(null, true, false).map((value): FilterNode => ({ kind: 'literal', value }));

const { node } = fc.letrec<{ node: FilterNode }>((tie) => {
  const inner = tie('node');
  const part = fc.oneof(
    fc.tuple(fc.constantFrom(...comparisonOperators.filter((operator) => !operator.startsWith('is'))), inner).map(([operator, operand]) => ({ operator, operand })),
    fc.tuple(fc.constantFrom('is' as const, 'is not' as const), constant).map(([operator, operand]) => ({ operator, operand })),
  );
  return {
    node: fc.oneof({ maxDepth: 4, depthSize: 'small' },
      literal,
      name.map((text): FilterNode => ({ kind: 'name', name: text })),
      fc.record({ kind: fc.constant('collection' as const), shape: fc.constantFrom('list' as const, 'tuple' as const), items: fc.array(inner, { maxLength: 3 }) }),
      fc.record({ kind: fc.constant('collection' as const), shape: fc.constant('set' as const), items: fc.array(inner, { minLength: 1, maxLength: 3 }) }),
      fc.record({ kind: fc.constant('attribute' as const), target: inner, name }),
      fc.record({ kind: fc.constant('index' as const), target: inner, index: inner }),
      fc.record({ kind: fc.constant('call' as const), function: fc.constantFrom('len' as const, 'str' as const, 'int' as const, 'bool' as const), arguments: fc.tuple(inner) }),
      fc.record({ kind: fc.constant('call' as const), function: fc.constantFrom('contains' as const, 'startswith' as const), arguments: fc.tuple(inner, inner) }),
      fc.record({ kind: fc.constant('method' as const), target: inner, method: fc.constantFrom('lower' as const, 'strip' as const), arguments: fc.constant<FilterNode[]>([]) }),
      fc.record({ kind: fc.constant('negative' as const), operand: inner }),
      fc.record({ kind: fc.constant('not' as const), operand: inner }),
      fc.record({ kind: fc.constantFrom('and' as const, 'or' as const), operands: fc.array(inner, { minLength: 2, maxLength: 3 }) }),
      fc.record({ kind: fc.constant('comparison' as const), first: inner, rest: fc.array(part, { minLength: 1, maxLength: 2 }) }),
    ),
  };
});

const fitting = node.filter((tree) => printFilter(tree).length <= filterBounds.maxCharacters);

describe('printFilter', () => {
  it('prints what parses to the same filter', () => {
    fc.assert(fc.property(fitting, (tree) => {
      let parsed: FilterNode;
      try {
        parsed = parseFilterSyntax(printFilter(tree));
      } catch (error) {
        // Only the bounds may refuse what was printed.
        if (error instanceof FilterSyntaxError && /more than/.test(error.message)) return;
        throw error;
      }
      expect(parsed).toEqual(tree);
    }), { numRuns: 1_000 });
  });
});

describe('evaluateFilter', () => {
  it('answers or says that it can not, for any filter and any payload', () => {
    fc.assert(fc.property(fitting, fc.jsonValue(), (tree, payload) => {
      try {
        expect(typeof evaluateFilter(tree, { triggerId: 't', triggerType: 'x', eventId: 'e', timestamp: 0, payload: payload as never, metadata: {}, cause: [] })).toBe('boolean');
      } catch (error) {
        expect(error).toBeInstanceOf(FilterEvaluationError);
      }
    }), { numRuns: 1_000 });
  });
});

describe('parseFilterSyntax', () => {
  it('parses or refuses with a column, for any text', () => {
    fc.assert(fc.property(fc.oneof(fc.string({ unit: 'binary', maxLength: 200 }), fc.array(fc.constantFrom('and', 'or', 'not', 'in', 'is', '(', ')', '[', ']', '{', '}', ',', '.', '-', '==', '<', "'a'", '1', 'x', 'len', 'None', ' '), { maxLength: 60 }).map((parts) => parts.join(' '))), (text) => {
      try {
        parseFilterSyntax(text);
      } catch (error) {
        expect(error).toBeInstanceOf(FilterSyntaxError);
        expect((error as FilterSyntaxError).column).toBeGreaterThanOrEqual(1);
        expect((error as FilterSyntaxError).column).toBeLessThanOrEqual(text.length + 1);
      }
    }), { numRuns: 1_000 });
  });
});
