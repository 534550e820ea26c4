import { z } from 'zod';

import { typedMemoryCategories, type TypedMemoryCategory } from '../memory-category.ts';

const categories = () => z.array(z.enum(typedMemoryCategories as [TypedMemoryCategory, ...TypedMemoryCategory[]])).default([]);

/** What an agent may do with the typed memory of its host. Nothing is allowed that is not named. */
export const MemoryAccess = z.strictObject({
  read: categories().describe('Categories whose entries the agent may read, list and search.'),
  propose: categories().describe('Categories to which it may propose entries and changes; a person decides.'),
  write: categories().describe('Categories that it may write at once.'),
});
export type MemoryAccess = z.output<typeof MemoryAccess>;
