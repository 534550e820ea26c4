/** Functions that a filter can call. */
export const filterFunctions = ['len', 'str', 'int', 'float', 'bool', 'lower', 'upper', 'startswith', 'endswith', 'contains'] as const;
export type FilterFunction = (typeof filterFunctions)[number];

/** Methods that a filter can call on texts. */
export const filterMethods = ['lower', 'upper', 'strip', 'startswith', 'endswith'] as const;
export type FilterMethod = (typeof filterMethods)[number];

export const comparisonOperators = ['==', '!=', '<', '<=', '>', '>=', 'in', 'not in', 'is', 'is not'] as const;
export type ComparisonOperator = (typeof comparisonOperators)[number];

/** A parsed filter: a small part of Python's expressions. */
export type FilterNode =
  | { kind: 'literal'; value: string | number | boolean | null }
  | { kind: 'name'; name: string }
  | { kind: 'collection'; shape: 'list' | 'tuple' | 'set'; items: FilterNode[] }
  | { kind: 'attribute'; target: FilterNode; name: string }
  | { kind: 'index'; target: FilterNode; index: FilterNode }
  | { kind: 'call'; function: FilterFunction; arguments: FilterNode[] }
  | { kind: 'method'; target: FilterNode; method: FilterMethod; arguments: FilterNode[] }
  | { kind: 'negative'; operand: FilterNode }
  | { kind: 'not'; operand: FilterNode }
  | { kind: 'and' | 'or'; operands: FilterNode[] }
  | { kind: 'comparison'; first: FilterNode; rest: { operator: ComparisonOperator; operand: FilterNode }[] };

/** Bounds of an expression; beyond them it is refused. */
export const filterBounds = { maxCharacters: 2_000, maxNodes: 200, maxDepth: 40 } as const;
