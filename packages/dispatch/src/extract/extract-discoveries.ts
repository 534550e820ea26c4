import { proseLines } from './prose-lines.ts';

/** More than these of one answer are passed over, and so is what is longer. */
const maxDiscoveries = 100;
const maxChars = 2_000;

const tag = '[DISCOVERY]';

/**
 * What an agent marked as found out: lines that begin with `[DISCOVERY]`, as the Python library reads them, but not in blocks of code. Each at most 2,000 characters, at most 100.
 */
export function extractDiscoveries(text: string): string[] {
  const found: string[] = [];
  if (!text.includes(tag)) return found;
  for (const { line, isProse } of proseLines(text)) {
    if (!isProse || !line.startsWith(tag)) continue;
    const discovery = line.slice(tag.length).trim();
    if (discovery !== '') found.push(discovery.slice(0, maxChars));
    if (found.length === maxDiscoveries) break;
  }
  return found;
}
