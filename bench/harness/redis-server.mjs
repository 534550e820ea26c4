import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, createConnection } from 'node:net';
import { join } from 'node:path';

/** Milliseconds that a server has to answer. */
const patienceMs = 20_000;

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** One command, in a connection of its own. */
export function ask(port, command) {
  return new Promise((resolve, reject) => {
    const socket = createConnection(port, '127.0.0.1', () => socket.write(`${command}\r\n`));
    let reply = '';
    socket.setEncoding('utf8').on('data', (chunk) => {
      reply += chunk;
      const [, length] = /^\$(\d+)\r\n/.exec(reply) ?? [];
      if (length === undefined ? reply.endsWith('\r\n') : reply.length >= Number(length)) {
        socket.destroy();
        resolve(reply);
      }
    });
    socket.once('error', reject);
  });
}

/** A Redis of its own on a free port, with an append-only file that is synced every second: the class *standard*. */
export async function startRedis(directory, args = ['--appendonly', 'yes', '--appendfsync', 'everysec']) {
  const port = await freePort();
  const folder = mkdtempSync(join(directory, 'redis-'));
  const child = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', ...args], { stdio: 'ignore' });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  for (const until = Date.now() + patienceMs; ; ) {
    if ((await ask(port, 'PING').catch(() => '')).startsWith('+PONG')) break;
    if (Date.now() > until) throw new Error('redis-server did not answer in time; it has to be installed');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    pid: child.pid,
    /** Commands that were carried out, scripts' own included, and CPU seconds that they took. */
    async usage() {
      const info = `${await ask(port, 'INFO cpu')}${await ask(port, 'INFO commandstats')}`;
      const of = (name) => Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(info)?.[1]);
      const commands = [...info.matchAll(/^cmdstat_[^:]+:calls=(\d+)/gm)].reduce((sum, [, calls]) => sum + Number(calls), 0);
      return { commands, cpuSeconds: of('used_cpu_user_main_thread') + of('used_cpu_sys_main_thread') };
    },
    async stop() {
      child.kill('SIGKILL');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
