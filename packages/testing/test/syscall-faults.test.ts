import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { idGenerator } from '@cortex-runtime/core';
import { nodeDisk, systemClock, systemRandom } from '@cortex-runtime/core/node';
import { FileJournal, soleOwnerLock, verifyJournal } from '@cortex-runtime/journal';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';

import { runWithSyscallFaults, syscallFaultsUnavailable, type SyscallFault } from '../src/index.ts';

const unavailable = syscallFaultsUnavailable();
if (unavailable !== undefined) process.stderr.write(`skipping faults of system calls: ${unavailable}\n`);

let folder = '';
let script = '';
beforeAll(async () => {
  const cache = join(import.meta.dirname, '../../../node_modules/.cache');
  await mkdir(cache, { recursive: true });
  folder = await mkdtemp(join(cache, 'syscall-faults-'));
  script = join(folder, 'append-entries.mjs');
  await build({ entryPoints: [join(import.meta.dirname, 'children/append-entries.ts')], outfile: script, bundle: true, platform: 'node', format: 'esm', target: 'node20', conditions: ['@cortex-runtime/source'], external: ['zod', 'uuidv7'] });
});
afterAll(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));

async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'cortex-faults-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));
  return directory;
}

const open = (directory: string) =>
  FileJournal.open({ disk: nodeDisk, clock: systemClock, createId: idGenerator({ clock: systemClock, random: systemRandom }), lock: soleOwnerLock(1000) }, { directory, segmentBytes: 4096 });

/** The files that the journal writes while it is appended to. strace matches paths, so each is named. */
const files = (directory: string) => [
  ...[1, 2, 3, 4, 5, 6].flatMap((number) => ['segments', 'checkpoints'].map((part) => `${directory}/${part}/000000000${number}.jsonl`)),
  `${directory}/segments`, `${directory}/checkpoints`, directory, `${directory}/index.json`, `${directory}/.index.json.tmp`,
];

/** Opens what a child left and compares it with what the child had been told. */
async function expectAcknowledged(directory: string, output: string): Promise<{ acknowledged: number }> {
  const journal = await open(directory);
  let acknowledged = 0;
  for (const line of output.split('\n')) {
    const [what, processId = '', seq, hash] = line.split(' ');
    if (what === 'ack') {
      acknowledged += 1;
      expect(await journal.read(processId, { sinceSeq: Number(seq) - 1, untilSeq: Number(seq) })).toMatchObject([{ hash }]);
    } else if (what === 'checkpoint') {
      expect((await journal.lastCheckpoint(processId))?.seq).toBeGreaterThanOrEqual(Number(seq));
    }
  }
  // and it goes on: nothing is glued to what the crash left
  for (const { processId, seq } of await journal.heads()) {
    const next = await journal.append({ processId, entryType: 'after', data: {} });
    expect(next.seq).toBe(seq + 1);
    expect(await journal.read(processId)).toHaveLength(next.seq);
  }
  await journal.close();
  expect(await verifyJournal({ disk: nodeDisk }, directory)).toMatchObject({ isIntact: true });
  return { acknowledged };
}

describe.skipIf(unavailable !== undefined)(`a journal whose system calls fail${unavailable === undefined ? '' : ` (${unavailable})`}`, () => {
  // J1, J8
  it.each(['pwrite64', 'fdatasync', 'fsync', 'rename'])('has everything that was acknowledged when it is killed at any %s', async (syscall) => {
    let k = 1;
    for (; k <= 60; k += k < 12 ? 1 : 7) {
      const directory = await temporaryDirectory();
      const run = await runWithSyscallFaults(script, [directory, '3', '8'], files(directory), [{ syscalls: [syscall], nth: k, signal: 'SIGKILL' }]);
      await expectAcknowledged(directory, run.output);
      if (run.output.includes('closed')) break; // there were fewer than k
    }
    expect(k).toBeGreaterThan(syscall === 'rename' ? 1 : 5);
  }, 180_000);

  // J4, F9
  it('acknowledges nothing after a sync failed once', async () => {
    const directory = await temporaryDirectory();
    const faults: SyscallFault[] = [{ syscalls: ['fdatasync'], nth: 4, error: 'EIO' }];
    const { output } = await runWithSyscallFaults(script, [directory, '2', '8', 'slow'], files(directory), faults);
    const lines = output.split('\n');
    const firstRefused = lines.findIndex((line) => line.startsWith('refused'));
    expect(lines[firstRefused]).toBe('refused JOURNAL_FAILED');
    expect(lines.slice(firstRefused).some((line) => line.startsWith('ack'))).toBe(false);
    expect((await expectAcknowledged(directory, output)).acknowledged).toBe(lines.filter((line) => line.startsWith('ack')).length);
  }, 60_000);

  // J3
  it('refuses cleanly when the disk is full, and glues nothing when there is room again', async () => {
    const directory = await temporaryDirectory();
    const { output } = await runWithSyscallFaults(script, [directory, '2', '8', 'slow'], files(directory), [{ syscalls: ['pwrite64'], nth: { from: 4 }, error: 'ENOSPC' }]);
    expect(output).toContain('refused JOURNAL_FAILED');
    expect((await expectAcknowledged(directory, output)).acknowledged).toBeGreaterThan(0);
  }, 60_000);

  // J12
  it('shares a slow sync among all agents, without holding up the event loop', async () => {
    const directory = await temporaryDirectory();
    const { output } = await runWithSyscallFaults(script, [directory, '100', '5', 'slow'], files(directory), [{ syscalls: ['fdatasync'], delayUs: 50_000 }]);
    const [, took, delayP99] = (output.split('\n').find((line) => line.startsWith('took')) ?? '').split(' ').map(Number);
    // 500 appends one after another would take 25 s: five rounds share five to ten syncs.
    expect(took).toBeLessThan(2_500);
    process.stdout.write(`500 appends of 100 agents, each sync 50 ms slower: ${String(took)} ms, event loop delay p99 ${String(delayP99)} ms\n`);
    await expectAcknowledged(directory, output);
  }, 60_000);
});
