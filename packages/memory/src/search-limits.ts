import { InvalidInputError } from '@cortex-runtime/core';

/** @throws InvalidInputError when `limit` is below 1 or no whole number */
export function assertLimit(limit: number): void {
  if (!Number.isInteger(limit) || limit < 1) throw new InvalidInputError('limit', `must be a whole number of at least 1, got ${limit}`);
}

/** @throws InvalidInputError when `minScore` is not between 0 and 1 */
export function assertMinScore(minScore: number): void {
  if (!(minScore >= 0 && minScore <= 1)) throw new InvalidInputError('minScore', `must be between 0 and 1, got ${minScore}`);
}
