import { describe, expect, it } from 'vitest';

import { nearestName } from './nearest-name.ts';

describe('nearestName', () => {
  const names = ['cron_expression', 'cron_timezone', 'type', 'topic', 'filter_expression'];

  it.each([['cron_expresion', 'cron_expression'], ['CRON_EXPRESSION', 'cron_expression'], ['cronExpression', 'cron_expression'], ['typ', 'type'], ['tpoic', 'topic']])('takes %s for %s', (name, expected) => {
    expect(nearestName(name, names)).toBe(expected);
  });

  it('guesses nothing for a name that is far from all', () => {
    expect(nearestName('colour', names)).toBeUndefined();
    expect(nearestName('anything', [])).toBeUndefined();
    expect(nearestName('x'.repeat(100_000), names)).toBeUndefined();
  });
});
