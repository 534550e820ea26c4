import { isSafeTypedName } from '@cortex-runtime/memory';

import type { MemoryProposal } from '../task/task-result.ts';
import { proseLines } from './prose-lines.ts';

/** More than these of one answer are passed over. */
const maxProposals = 50;
/** A longer body is cut. */
const maxChars = 16_384;

/** `[MEMORY: people/anna update]`; whatever stands behind it on the line belongs to the body. */
const opening = /^\[MEMORY:[ \t]*([^/\]\s]{1,100})\/([^\]\s]{1,200})(?:[ \t]+(create|update))?[ \t]*\]/i;
const closing = /^\[\/MEMORY\][ \t]*$/i;
/** Another tag, also one that is no proposal. */
const otherTag = /^(?:\[DISCOVERY\]|\[MEMORY:)/i;

/**
 * What an agent wants remembered: `[MEMORY: category/name]` or `[MEMORY: category/name update]` at the beginning of a line, then the content up to `[/MEMORY]`, the next
 * tag, or the end. Blocks of code count as content, and hold no tags.
 *
 * Whether a category exists is for the memory to say; a name that is not safe, in the sense of `isSafeTypedName`, is no proposal. At most 50, each at most 16,384
 * characters.
 */
export function extractMemoryProposals(text: string): MemoryProposal[] {
  const found: MemoryProposal[] = [];
  if (!/\[MEMORY:/i.test(text)) return found;
  let current: { category: string; name: string; mode: 'create' | 'update'; lines: string[]; length: number } | undefined;
  const close = () => {
    const content = current?.lines.join('\n').slice(0, maxChars).trim() ?? '';
    if (current !== undefined && content !== '') found.push({ category: current.category, name: current.name, mode: current.mode, content });
    current = undefined;
  };
  const add = (line: string) => {
    if (current === undefined || current.length > maxChars) return;
    current.lines.push(line);
    current.length += line.length + 1;
  };
  for (const { line, isProse } of proseLines(text)) {
    const match = isProse ? opening.exec(line) : null;
    if (match !== null) {
      close();
      if (found.length === maxProposals) return found;
      const [whole, category = '', name = '', mode = 'create'] = match;
      if (!isSafeTypedName(name)) continue;
      current = { category: category.toLowerCase(), name, mode: mode.toLowerCase() === 'update' ? 'update' : 'create', lines: [], length: 0 };
      add(line.slice(whole.length));
    } else if (isProse && (closing.test(line) || otherTag.test(line))) close();
    else add(line);
  }
  close();
  return found.slice(0, maxProposals);
}
