import type { Readable } from 'node:stream';

import type { Clock, Logger } from '@cortex-runtime/core';

const maxLineChars = 1_000;
const linesPerWindow = 100;
const windowMs = 10_000;
const keptLines = 5;

/**
 * Hands what a child writes to its standard error to the logger, line by line. A line is cut at 1,000 characters, and of a flood 100 lines
 * in 10 seconds are kept; what was left out is counted.
 *
 * @returns the last few lines, for the message of a connection that fails
 */
export function logStderr(deps: { clock: Clock; logger: Logger }, stream: Readable, scrub: (line: string) => string): () => string {
  const last: string[] = [];
  let partial = '';
  let windowStart = deps.clock.monotonic();
  let inWindow = 0;
  let dropped = 0;

  const line = (raw: string) => {
    const text = scrub(raw.trimEnd());
    if (text === '') return;
    last.push(text.slice(0, maxLineChars));
    if (last.length > keptLines) last.shift();
    const now = deps.clock.monotonic();
    if (now - windowStart >= windowMs) {
      if (dropped > 0) deps.logger.warn({ dropped }, 'lines of the tool server were left out');
      windowStart = now;
      inWindow = 0;
      dropped = 0;
    }
    inWindow += 1;
    if (inWindow > linesPerWindow) dropped += 1;
    else deps.logger.info({ line: text.slice(0, maxLineChars) }, 'tool server says');
  };

  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const lines = (partial + chunk).split('\n');
    partial = lines.pop() ?? '';
    for (const each of lines) line(each);
    if (partial.length > maxLineChars * 4) {
      line(partial);
      partial = '';
    }
  });
  stream.on('end', () => line(partial));
  stream.on('error', () => undefined);
  return () => last.join(' | ');
}
