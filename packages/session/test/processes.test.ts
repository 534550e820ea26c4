import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';

import { openStore } from './record-turns-program.ts';

let program = '';

beforeAll(async () => {
  const { bundleSource } = (await import(new URL('../../../tools/source-bundle.mjs', import.meta.url).href)) as { bundleSource(entry: string): Promise<string> };
  program = await bundleSource('packages/session/test/record-turns-program.ts');
}, 60_000);

/** Runs a writer; kills it when it has recorded `killAfter` turns. */
function write(location: string, scope: string, writer: string, turns: number, killAfter = Number.POSITIVE_INFINITY): Promise<{ sessionId: string; acknowledged: number; code: number | null }> {
  return new Promise((resolve) => {
    const script = `const { recordTurns } = await import(${JSON.stringify(pathToFileURL(program).href)}); await recordTurns(${JSON.stringify({ location, scope, writer, turns })});`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (data: Buffer) => {
      output += data.toString();
      if (output.split('\n').length - 2 >= killAfter) child.kill('SIGKILL');
    });
    child.once('close', (code) => {
      const lines = output.split('\n').slice(0, -1);
      resolve({ sessionId: lines[0]?.replace('session ', '') ?? '', acknowledged: lines.length - 1, code });
    });
  });
}

// mesh-runtime section 9, row 29
describe.each([
  ['files', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'cortex-session-'));
    onTestFinished(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));
    return directory;
  }],
  ['Redis', async () => inject('redisUrl')],
  ['PostgreSQL', async () => inject('postgresUrl')],
])('several processes over %s', (_, locate) => {
  it('share one session and lose no turn, also when one of them is killed', async ({ skip }) => {
    const location = await locate();
    skip(location === '', 'no server');
    const scope = `test:${randomUUID()}`;
    const turns = 25;
    const [a, b, killed] = await Promise.all([write(location, scope, 'a', turns), write(location, scope, 'b', turns), write(location, scope, 'killed', 10_000, 8)]);
    expect([a.acknowledged, b.acknowledged, a.code, b.code, killed.code]).toEqual([turns, turns, 0, 0, null]);
    expect(new Set([a.sessionId, b.sessionId, killed.sessionId]).size).toBe(1);
    const { store, end } = await openStore({ location, scope });
    onTestFinished(end);
    const transcript = await store.messages(a.sessionId);
    expect(transcript.map(({ seq }) => seq)).toEqual(transcript.map((__, index) => index + 1));
    const textsOf = (writer: string) => transcript.filter(({ senderId }) => senderId === writer).map(({ text }) => text);
    for (const writer of ['a', 'b']) expect(textsOf(writer)).toEqual(Array.from({ length: turns }, (__, turn) => `${writer} ${turn}`));
    const survived = textsOf('killed');
    expect(survived).toEqual(Array.from({ length: survived.length }, (__, turn) => `killed ${turn}`));
    expect(survived.length - killed.acknowledged === 0 || survived.length - killed.acknowledged === 1).toBe(true); // the one it was at
    expect(await store.get(a.sessionId)).toMatchObject({ messageCount: transcript.length, turnCount: transcript.filter(({ isBot }) => isBot).length, participants: expect.arrayContaining(['a', 'b', 'killed']) as string[] });
  }, 60_000);
});
