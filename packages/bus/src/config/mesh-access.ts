import { duration } from '@cortex-runtime/core';
import { z } from 'zod';

const name = '[A-Za-z0-9][A-Za-z0-9._-]{0,127}';
const whom = z.string().regex(new RegExp(`^(domain:)?(\\*|${name})$`), 'must be an agent, domain:NAME, * or domain:*');
const pattern = z.string().regex(/^(\*|[A-Za-z0-9_:-]+)(\.(\*\*?|[A-Za-z0-9_:-]+))*$|^\*\*$/, 'must be words separated by dots, * for one word, a last ** for the rest').max(200);

/** Whom an agent may give work to, and what it may tell others. Nothing is allowed that is not named. */
export const MeshAccess = z.strictObject({
  ask: z.array(whom).max(100).default([]).describe('Agents, and domains as domain:NAME, that it may give tasks to; * is any agent, domain:* any domain.'),
  publish: z.array(pattern).max(100).default([]).describe('Topics that it may publish messages to; * stands for one word, a last ** for the rest.'),
  emit: z.array(pattern).max(100).default([]).describe('Types of events that it may emit; wildcards as for topics.'),
  answerTimeoutMs: duration('s', { check: (schema) => schema.min(1_000).max(3_600_000) }).default(120_000).describe('How long a run waits for an answer; the task goes on, and can be asked for again.'),
});
export type MeshAccess = z.output<typeof MeshAccess>;

/** Whether a name is one of those that the patterns allow. */
export function isAllowed(patterns: readonly string[], given: string): boolean {
  const words = given.split('.');
  return patterns.some((allowed) => {
    if (allowed === given || allowed === '**') return true;
    const parts = allowed.split('.');
    const isOpen = parts.at(-1) === '**';
    const fixed = isOpen ? parts.slice(0, -1) : parts;
    return (isOpen ? words.length > fixed.length : words.length === fixed.length) && fixed.every((part, index) => part === '*' || part === words[index]);
  });
}
