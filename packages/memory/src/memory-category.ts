import { InvalidInputError } from '@cortex-runtime/core';

/** What a memory is about. */
export const TypedMemoryCategory = {
  PEOPLE: 'people',
  PROJECTS: 'projects',
  CONTEXT: 'context',
  FACTS: 'facts',
  SKILLS: 'skills',
  PREFERENCES: 'preferences',
} as const;
export type TypedMemoryCategory = (typeof TypedMemoryCategory)[keyof typeof TypedMemoryCategory];

export const typedMemoryCategories: readonly TypedMemoryCategory[] = Object.values(TypedMemoryCategory);

/** The longest name. File systems take 255 bytes; what is added to a name has to fit as well. */
const maxNameLength = 100;

/** Whether a text may name a memory: lower-case letters, digits and single hyphens inside, 1 to 100 characters. Such a name is one safe file name everywhere. */
export function isSafeTypedName(name: string): boolean {
  return name.length <= maxNameLength && /^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(name);
}

/** Whether a text is one of the categories. */
export function isTypedMemoryCategory(text: string): text is TypedMemoryCategory {
  return (typedMemoryCategories as readonly string[]).includes(text);
}

/** @throws InvalidInputError when the category is none of the six or the name is not safe */
export function assertTypedEntry(category: string, name: string): void {
  assertTypedCategory(category);
  if (!isSafeTypedName(name)) {
    throw new InvalidInputError('name', `must be lower-case letters and digits with single hyphens inside, at most ${maxNameLength} characters, got ${JSON.stringify(name).slice(0, 120)}`);
  }
}

/** @throws InvalidInputError when the category is none of the six */
export function assertTypedCategory(category: string): asserts category is TypedMemoryCategory {
  if (!isTypedMemoryCategory(category)) {
    throw new InvalidInputError('category', `must be one of ${typedMemoryCategories.join(', ')}, got ${JSON.stringify(category).slice(0, 120)}`);
  }
}
