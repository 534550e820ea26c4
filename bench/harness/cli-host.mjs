import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { root } from '../../tools/install.mjs';

/**
 * A host in a process of its own, started as people start it; `arguments_` follow `node`.
 *
 * `until(event)` resolves with the event that `--json` prints and the milliseconds since the process was started.
 */
export function startCliHost(arguments_, { environment = {}, workingDirectory = root } = {}) {
  const begun = performance.now();
  const child = spawn(process.execPath, arguments_, { cwd: workingDirectory, env: { ...process.env, CORTEX_PORT: '0', CORTEX_LOG_LEVEL: 'error', ...environment }, stdio: ['ignore', 'pipe', 'inherit'] });
  const events = new Map();
  const waiting = new Map();
  const ended = new Promise((resolve) => child.once('exit', (code, signal) => {
    for (const { reject } of waiting.values()) reject(new Error(`the host ended with ${signal ?? code}`));
    resolve();
  }));
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (!line.startsWith('{')) return;
    const event = { ...JSON.parse(line), afterMs: performance.now() - begun };
    events.set(event.event, event);
    waiting.get(event.event)?.resolve(event);
  });
  const kill = async (signal) => {
    child.kill(signal);
    await ended;
  };
  process.once('exit', () => child.kill('SIGKILL'));
  return {
    pid: child.pid,
    until: (name) => (events.has(name) ? Promise.resolve(events.get(name)) : new Promise((resolve, reject) => waiting.set(name, { resolve, reject }))),
    kill: () => kill('SIGKILL'),
    stop: () => kill('SIGTERM'),
  };
}

/** The command of a clone, before its arguments. */
export const cortexCommand = join(root, 'packages/cli/bin/cortex.mjs');
