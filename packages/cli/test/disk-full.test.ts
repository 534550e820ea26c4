import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it, onTestFinished } from 'vitest';

import { deadline, workshop } from './cortex.ts';

/** Puts a real file system of two megabytes at `directory`; false where we may not mount one. */
function mountSmallDisk(directory: string): boolean {
  mkdirSync(directory, { recursive: true });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', directory], { stdio: 'ignore' });
  } catch {
    return false;
  }
  onTestFinished(() => void execFileSync('umount', ['-l', directory], { stdio: 'ignore' }));
  return true;
}

describe('a host whose disk is full', () => {
  // J3; 12.1 D9: the described system went on without a journal.
  it('acknowledges nothing more and ends with exit code 1; after space was made everything that was acknowledged is there', async (context) => {
    const shop = workshop();
    if (!mountSmallDisk(shop.dataDirectory)) return context.skip('mounting a small file system needs root');
    shop.write('agents/clerk.agent', 'name: clerk\nmodel: scripted:clerk.yaml\ninstructions: x\n');
    shop.write('agents/clerk.yaml', 'fallback: { text: noted }\n');
    const filler = join(shop.dataDirectory, 'filler');
    writeFileSync(filler, Buffer.alloc(1_300_000));
    const first = await shop.start();
    const acknowledged: string[] = [];
    let refusal: unknown;
    for (let index = 0; refusal === undefined && index < 200; index += 1) {
      await first.client.inject('clerk', { eventId: `event-${index}`, payload: 'x'.repeat(20_000) }).then(
        () => acknowledged.push(`event-${index}`),
        (error: unknown) => (refusal = error),
      );
    }
    expect(acknowledged.length).toBeGreaterThan(3);
    expect(refusal).toBeDefined();
    expect((await first.finished).code).toBe(1);

    rmSync(filler);
    const second = await shop.start();
    const ids = async (type: string) => (await second.client.getJournal('clerk', { type, limit: 500 })).entries.map(({ data }) => (data as { event_id: string }).event_id).sort();
    await expect.poll(() => second.client.getProcess('clerk').then((status) => status.queueSize + status.runningRuns), deadline).toBe(0);
    const accepted = await ids('trigger_event');
    expect(accepted).toEqual(expect.arrayContaining(acknowledged));
    expect(await ids('invocation_result')).toEqual(accepted);
    expect((await shop.cortex(['verify', '--json'])).code).toBe(0);
  });
});
