import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it, onTestFinished } from 'vitest';

import { systemRandom } from '@cortex-runtime/core/node';

import { ensureToken, isAlive, openManifestCache, readHostFile, readLogFile, readToken, removeHostFile, writeHostFile } from '../src/data-directory/index.ts';
import { hostLogger } from '../src/log/host-logger.ts';
import { rotatingFile } from '../src/log/rotating-file.ts';

function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'cortex-host-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true, maxRetries: 5 }));
  return directory;
}

describe('the token', () => {
  it('is made once, and only its owner can read it', () => {
    const directory = join(temporaryDirectory(), 'data');
    expect(readToken(directory)).toBeUndefined();
    const token = ensureToken(directory, systemRandom);
    expect(token).toMatch(/^cortex_[0-9a-f]{48}$/);
    expect(ensureToken(directory, systemRandom)).toBe(token);
    expect(readToken(directory)).toBe(token);
    expect(statSync(join(directory, 'token')).mode & 0o777).toBe(0o600);
  });

  it('is made anew when the file is empty', () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, 'token'), '\n');
    expect(ensureToken(directory, systemRandom)).toMatch(/^cortex_/);
  });
});

describe('host.json', () => {
  it('tells where the host is, and goes when it stops', () => {
    const directory = temporaryDirectory();
    const record = { pid: process.pid, url: 'http://127.0.0.1:8000', host: '127.0.0.1', port: 8_000, startedAt: '2026-01-01T00:00:00.000Z' };
    writeHostFile(directory, record);
    expect(readHostFile(directory)).toEqual(record);
    expect(statSync(join(directory, 'host.json')).mode & 0o777).toBe(0o600);
    expect(isAlive(record.pid)).toBe(true);
    removeHostFile(directory);
    expect(readHostFile(directory)).toBeUndefined();
  });

  it('of another host is left alone, and half a file is none', () => {
    const directory = temporaryDirectory();
    writeHostFile(directory, { pid: process.ppid, url: 'http://h', host: 'h', port: 1, startedAt: 'x' });
    removeHostFile(directory);
    expect(readHostFile(directory)?.pid).toBe(process.ppid);
    writeFileSync(join(directory, 'host.json'), '{"pid": 1');
    expect(readHostFile(directory)).toBeUndefined();
  });
});

describe('the log', () => {
  const write = (directory: string, lines: readonly object[], maxBytes = 1_000_000) => {
    const file = rotatingFile(join(directory, 'logs', 'host.log'), { maxBytes, kept: 3 });
    for (const line of lines) {
      file.write(`${JSON.stringify(line)}\n`);
      file.flush();
    }
  };

  // 12.5: `logs -n` showed the oldest lines.
  it('gives the newest lines, oldest first, and goes on after a cursor', async () => {
    const directory = temporaryDirectory();
    write(directory, Array.from({ length: 10 }, (_, index) => ({ n: index, process: index % 2 === 0 ? 'even' : 'odd' })));
    const page = await readLogFile(directory, { limit: 3 });
    expect(page.lines.map(({ n }) => n)).toEqual([7, 8, 9]);
    expect((await readLogFile(directory, { limit: 2, process: 'even' })).lines.map(({ n }) => n)).toEqual([6, 8]);
    expect((await readLogFile(directory, { limit: 100, after: page.cursor })).lines).toEqual([]);
    write(directory, [{ n: 10 }]);
    expect((await readLogFile(directory, { limit: 100, after: page.cursor })).lines.map(({ n }) => n)).toEqual([10]);
  });

  it('rotates by size, keeps a bounded number of files, and is read over a rotation', async () => {
    const directory = temporaryDirectory();
    write(directory, [{ n: 0 }]);
    const { cursor } = await readLogFile(directory, { limit: 1 });
    write(directory, Array.from({ length: 5 }, (_, index) => ({ n: index + 1, fill: 'x'.repeat(20) })), 100);
    expect((await readLogFile(directory, { limit: 100, after: cursor })).lines.map(({ n }) => n)).toEqual([1, 2, 3, 4, 5]);
    write(directory, Array.from({ length: 40 }, (_, index) => ({ n: index + 100, fill: 'x'.repeat(20) })), 100);
    expect(statSync(join(directory, 'logs', 'host.log.3'), { throwIfNoEntry: false })).toBeDefined();
    expect(statSync(join(directory, 'logs', 'host.log.4'), { throwIfNoEntry: false })).toBeUndefined();
  });

  it('is empty when there is none', async () => {
    expect(await readLogFile(temporaryDirectory(), { limit: 5 })).toEqual({ lines: [], cursor: '0:0' });
  });

  // S8, S11
  it('holds one JSON line per fact and no secrets', async () => {
    const directory = temporaryDirectory();
    const problems: string[] = [];
    const { logger, flush } = hostLogger(directory, { level: 'info', onProblem: (line) => problems.push(line) });
    logger.info({ token: 'canary-1', nested: { api_key: 'canary-2', hmac_secret: 'canary-3' }, text: 'a\nb' }, 'one');
    logger.child({ process: 'p' }).warn({}, 'two');
    logger.debug({}, 'not at this level');
    flush();
    const { lines } = await readLogFile(directory, { limit: 10 });
    expect(lines.map(({ level, msg }) => [level, msg])).toEqual([['info', 'one'], ['warn', 'two']]);
    expect(JSON.stringify(lines)).not.toContain('canary');
    expect(problems).toHaveLength(1);
    expect(lines[1]).toMatchObject({ process: 'p' });
  });
});

describe('the cache of manifests', () => {
  it('keeps what was asked for, once there is enough of it to be worth it, and survives damage', () => {
    const directory = temporaryDirectory();
    const first = openManifestCache(directory);
    first.cache.set('few', '{}');
    first.save();
    expect(existsSync(join(directory, 'manifests.json'))).toBe(false);
    for (let index = 0; index < 200; index += 1) first.cache.set(`d${index}`, `{"n":${index}}`);
    first.save();
    expect(statSync(join(directory, 'manifests.json')).mode & 0o777).toBe(0o600);
    const second = openManifestCache(directory);
    expect(second.cache.get('d7')).toBe('{"n":7}');
    expect(second.cache.get('never')).toBeUndefined();
    writeFileSync(join(directory, 'manifests.json'), '{"d7":');
    expect(openManifestCache(directory).cache.get('d7')).toBeUndefined();
  });
});
