import { execFile } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { readHostFile } from '@cortex-runtime/host';
import { describe, expect, it, onTestFinished } from 'vitest';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** The code of fences that say they run: "```sh run". */
function runnable(markdown: string): string[] {
  return [...markdown.matchAll(/^```sh run\n([\s\S]*?)^```$/gm)].map(([, code = '']) => code);
}

/** A copy of the examples beside the packages they need, and an `npx` that runs this repository's cortex. */
function clone() {
  const directory = mkdtempSync(join(tmpdir(), 'cortex-readme-'));
  cpSync(join(root, 'examples'), join(directory, 'examples'), { recursive: true, filter: (path) => !/\/(notes|refunds\.jsonl|orders\.json)$|\/inbox\/[^.]/.test(path) });
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
  mkdirSync(join(directory, 'bin'));
  writeFileSync(join(directory, 'bin/npx'), `#!/bin/sh\nshift\nexec ${JSON.stringify(process.execPath)} ${JSON.stringify(join(root, 'packages/cli/bin/cortex.mjs'))} "$@"\n`);
  chmodSync(join(directory, 'bin/npx'), 0o755);
  const environment = { PATH: `${join(directory, 'bin')}:${process.env['PATH'] ?? ''}`, HOME: directory, NO_COLOR: '1', CORTEX_PORT: '0' };
  const shell = (code: string) =>
    new Promise<{ code: number; text: string }>((resolve) => {
      execFile('bash', ['-euo', 'pipefail', '-c', code], { cwd: directory, env: environment, timeout: 60_000 }, (error, out, err) => resolve({ code: error === null ? 0 : Number(error.code ?? 1), text: out + err }));
    });
  onTestFinished(async () => {
    await shell('npx cortex stop || true');
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  });
  return { directory, shell };
}

describe('the README', () => {
  it('shows commands that do what it says', { timeout: 120_000 }, async () => {
    const { directory, shell } = clone();
    expect(await shell('npx cortex start examples/agents --detach')).toMatchObject({ code: 0 });
    const url = readHostFile(join(directory, '.cortex'))?.url ?? '';
    const snippets = runnable(readFileSync(join(root, 'README.md'), 'utf8'));
    expect(snippets.length).toBeGreaterThanOrEqual(3);
    const outputs: string[] = [];
    for (const snippet of snippets) {
      const ran = await shell(snippet.replaceAll('http://127.0.0.1:8000', url).replaceAll('/tmp/cortex-readme', join(directory, 'made')));
      expect(ran, snippet).toMatchObject({ code: 0 });
      outputs.push(ran.text);
    }
    expect(outputs[0]).toContain('"status":"accepted"');
    await expect.poll(() => shell('npx cortex journal order-desk --type invocation_result').then(({ text }) => text), { timeout: 30_000, interval: 200 }).toContain('Refunded 5900 cents to Grace');
    await expect.poll(() => readdirSync(join(directory, 'examples/agents/notes'), { recursive: true }).map(String).sort(), { timeout: 30_000, interval: 200 }).toEqual([
      expect.stringMatching(/^received-ann-txt-/) as string,
      expect.stringMatching(/^refund-for-order-a-1002-/) as string,
    ]);
    expect((await shell('npx cortex status')).text).toMatch(/tidy-desk +running/);
  });
});

describe('docs/memory.md', () => {
  it('shows commands that do what it says', { timeout: 120_000 }, async () => {
    const { directory, shell } = clone();
    const [start = '', look = '', decide = '', ...more] = runnable(readFileSync(join(root, 'docs/memory.md'), 'utf8'));
    expect(more).toEqual([]);
    expect(await shell(start)).toMatchObject({ code: 0 });
    await expect.poll(() => shell(look).then(({ text }) => text), { timeout: 30_000, interval: 200 }).toMatch(/people\/anna {2}create {2}by clerk, from message m-1 from anna in office\n {2}\| I like tea\n[\s\S]*office +general +t-1 +active +2/);
    const decided = await shell(decide);
    expect(decided).toMatchObject({ code: 0 });
    expect(decided.text).toContain('accepted by anna\nI like tea\n');
    expect(readFileSync(join(directory, '.cortex/memory/people/anna.md'), 'utf8')).toContain('I like tea');
  });
});
