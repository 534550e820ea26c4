import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { describe, expect, it, onTestFinished } from 'vitest';

const bundler = new URL('../../../tools/source-bundle.mjs', import.meta.url).href;
const cwd = fileURLToPath(new URL('../../../', import.meta.url));

function launch(environment: Record<string, string>) {
  const directory = mkdtempSync(join(tmpdir(), 'cortex-app-'));
  mkdirSync(join(directory, 'agents'));
  writeFileSync(join(directory, 'agents/a.agent'), 'name: a\nmodel: scripted:a.yaml\n');
  writeFileSync(join(directory, 'agents/a.yaml'), 'fallback: { text: seen }\n');
  const child = spawn(process.execPath, ['--input-type=module', '-e', `await (await import(${JSON.stringify(bundler)})).importSource('apps/runtime/src/main.ts');`], {
    cwd,
    env: { PATH: process.env['PATH'], CORTEX_PORT: '0', CORTEX_DATA_DIR: join(directory, 'data'), CORTEX_AGENTS: join(directory, 'agents'), ...environment },
  });
  const said = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said.out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said.err += text));
  const code = new Promise<number | null>((resolve) => child.once('close', resolve));
  onTestFinished(() => {
    child.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  });
  return { child, said, code };
}

describe('apps/runtime', () => {
  it('runs agents until it is told to stop', async () => {
    const { child, said, code } = launch({});
    await expect.poll(() => said.out + said.err, { timeout: 30_000 }).toContain('"step":"started","started":["a"]');
    child.kill('SIGTERM');
    expect(await code).toBe(0);
  });

  it('says in one line why it can not start', async () => {
    const { said, code } = launch({ CORTEX_PORT: 'many' });
    expect(await code).toBe(1);
    expect(said.err.trim().split('\n').map((line) => JSON.parse(line) as object)).toEqual([expect.objectContaining({ problem: 'CORTEX_PORT must be a port from 0 to 65535, got "many"' })]);
  });
});
