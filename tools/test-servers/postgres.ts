import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** Of a real PostgreSQL for this run; empty where there is none. */
    postgresUrl: string;
  }
}

/** The newest installation, where Debian puts it or on the path. */
function findPrograms(): string | undefined {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [...versions.map((version) => join(debian, version, 'bin')), ...(process.env['PATH'] ?? '').split(':')];
  return folders.find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')));
}

/** PostgreSQL does not run as root: then it is the user `postgres`. */
function serverUser(): { uid: number; gid: number } | Record<string, never> | undefined {
  if (process.getuid?.() !== 0) return {};
  try {
    const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
    return { uid: id('-u'), gid: id('-g') };
  } catch {
    return undefined;
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

/** Vitest's global set-up: one PostgreSQL in a folder of its own for the whole run, or the one of TEST_DATABASE_URL. */
export async function setup({ provide }: TestProject): Promise<(() => Promise<void>) | undefined> {
  const given = process.env['TEST_DATABASE_URL'];
  if (given !== undefined && given !== '') {
    provide('postgresUrl', given);
    return undefined;
  }
  const programs = findPrograms();
  const user = serverUser();
  if (programs === undefined || user === undefined) {
    console.warn('PostgreSQL tests are skipped: no initdb found, or no user postgres to run it as. Install PostgreSQL, or set TEST_DATABASE_URL.');
    provide('postgresUrl', '');
    return undefined;
  }
  const folder = mkdtempSync(join(tmpdir(), 'cortex-postgres-'));
  chmodSync(folder, 0o755);
  if (user.uid !== undefined) chownSync(folder, user.uid, user.gid);
  const data = join(folder, 'data');
  execFileSync(join(programs, 'initdb'), ['-D', data, '-U', 'cortex', '-A', 'trust', '-E', 'UTF8', '--locale=C', '-N'], { ...user, cwd: folder, stdio: 'ignore' });
  const port = await freePort();
  const server = spawn(join(programs, 'postgres'), ['-D', data, '-p', String(port), '-k', folder, '-h', '127.0.0.1', '-c', 'fsync=off', '-c', 'max_connections=50'], { ...user, cwd: folder, stdio: 'ignore' });
  const exited = new Promise<void>((resolve) => server.once('exit', () => resolve()));
  const deadline = Date.now() + 30_000;
  for (;;) {
    try {
      execFileSync(join(programs, 'pg_isready'), ['-h', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' });
      break;
    } catch {
      if (Date.now() > deadline) throw new Error('PostgreSQL did not start within 30 seconds');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  provide('postgresUrl', `postgres://cortex@127.0.0.1:${port}/postgres`);
  return async () => {
    server.kill('SIGINT');
    await exited;
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  };
}
