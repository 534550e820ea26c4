import { appendFileSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** Where log lines go: what pino writes to. */
export interface LogDestination {
  write(line: string): void;
  /** Writes what is held back. */
  flush(): void;
}

/**
 * Appends lines to a file; when it has grown to `maxBytes` it becomes `.1`, what was `.1` becomes `.2`, and so on up to `kept`.
 *
 * Lines of one turn of the event loop are written together. A full disk loses lines, never the host.
 */
export function rotatingFile(path: string, options: { maxBytes: number; kept: number }): LogDestination {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  let bytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  let held: string[] = [];

  const rotate = () => {
    for (let number = options.kept - 1; number >= 1; number -= 1) moveIfPresent(`${path}.${number}`, `${path}.${number + 1}`);
    moveIfPresent(path, `${path}.1`);
    bytes = 0;
  };
  const flush = () => {
    if (held.length === 0) return;
    const text = held.join('');
    held = [];
    try {
      const length = Buffer.byteLength(text);
      if (bytes > 0 && bytes + length > options.maxBytes) rotate();
      appendFileSync(path, text, { mode: 0o600 });
      bytes += length;
    } catch {
      // Nowhere left to say it.
    }
  };
  return {
    write(line) {
      if (held.length === 0) setImmediate(flush);
      held.push(line);
    },
    flush,
  };
}

function moveIfPresent(from: string, to: string): void {
  if (statSync(from, { throwIfNoEntry: false }) !== undefined) renameSync(from, to);
}
