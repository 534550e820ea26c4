import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A directory for the data of one measurement, removed when this process ends. `BENCH_DIRECTORY` says on which disk. */
export function workDirectory() {
  const directory = mkdtempSync(join(process.env.BENCH_DIRECTORY ?? tmpdir(), 'cortex-bench-'));
  chmodSync(directory, 0o755); // a database server of another user works in it
  process.on('exit', () => rmSync(directory, { recursive: true, force: true, maxRetries: 3 }));
  return directory;
}
