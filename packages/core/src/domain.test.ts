import { describe, expect, it } from 'vitest';

import { Department, Domain } from './domain.ts';
import { InvalidInputError } from './errors.ts';

describe('Domain', () => {
  it('reads every department, whatever its case and surroundings', () => {
    for (const department of Object.values(Department)) expect(Domain.parse(` ${department.toUpperCase()} `).toString()).toBe(department);
  });

  it('refuses other names and lists the valid ones', () => {
    for (const name of ['', 'sales', 'constructor']) expect(() => Domain.parse(name)).toThrow(InvalidInputError);
    expect(() => Domain.parse('sales')).toThrow('domain: "sales" is not a department; use one of personal, business, eng,');
  });
});
