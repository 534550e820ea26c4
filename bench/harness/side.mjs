import { fork } from 'node:child_process';
import { join } from 'node:path';
import { root } from '../../tools/install.mjs';

/**
 * One side of a comparison in a process of its own: `call(operation, argument)` runs one of the `operations` that `entry` exports.
 *
 * @param entry - path from the root of the repository, `.mjs` or `.ts`
 */
export async function openSide(entry, { execArgv = [], environment = {} } = {}) {
  const child = fork(join(root, 'bench/harness/child.mjs'), [entry], { cwd: root, execArgv, env: { ...process.env, ...environment }, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const waiting = new Map();
  let announceReady;
  const ready = new Promise((resolve, reject) => (announceReady = { resolve, reject }));
  child.on('message', ({ ready: isReady, id, value, error }) => {
    if (isReady) return announceReady.resolve();
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) resolve(value);
    else reject(new Error(`${entry}: ${error}`));
  });
  const ended = new Promise((resolve) => {
    child.once('exit', (code, signal) => {
      const error = new Error(`${entry} ended with ${signal ?? code}`);
      announceReady.reject(error);
      for (const { reject } of waiting.values()) reject(error);
      resolve();
    });
  });
  await ready;
  let calls = 0;
  return {
    pid: child.pid,
    call: (operation, argument) => new Promise((resolve, reject) => {
      calls += 1;
      waiting.set(calls, { resolve, reject });
      child.send({ id: calls, operation, argument });
    }),
    async close() {
      child.disconnect();
      await ended;
    },
  };
}
