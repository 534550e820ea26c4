import { InvalidInputError } from './errors.ts';

/** The departments that work is routed to. */
export const Department = {
  PERSONAL: 'personal',
  BUSINESS: 'business',
  ENG: 'eng',
  OPS: 'ops',
  CORTEX: 'cortex',
  FINANCE: 'finance',
  RESEARCH: 'research',
  THOUGHTS: 'thoughts',
  MAKER: 'maker',
  CREATIVE: 'creative',
  SYNAPSE: 'synapse',
  GENERAL: 'general',
} as const;
export type Department = (typeof Department)[keyof typeof Department];

const departments: readonly string[] = Object.values(Department);

/** A validated routing domain. */
export class Domain {
  readonly department: Department;

  constructor(department: Department) {
    this.department = department;
  }

  /**
   * Reads a department name; case and surrounding white space do not matter.
   *
   * @throws InvalidInputError naming the valid departments
   */
  static parse(text: string): Domain {
    const name = text.trim().toLowerCase();
    if (!departments.includes(name)) {
      throw new InvalidInputError('domain', `${JSON.stringify(text)} is not a department; use one of ${departments.join(', ')}`);
    }
    return new Domain(name as Department);
  }

  toString(): string {
    return this.department;
  }
}
