import { hostname } from 'node:os';

import type { Disk } from '@cortex-runtime/core';

import type { ProcessTable } from '../lock/process-table.ts';

/** The processes of this machine: `/proc` where there is one, signal 0 elsewhere. */
export function systemProcessTable(deps: { disk: Disk }): ProcessTable {
  const readText = async (path: string): Promise<string | undefined> => {
    try {
      return Buffer.from(await deps.disk.readFile(path)).toString('utf8');
    } catch {
      return undefined; // not Linux, or no such process
    }
  };
  const stat = async (pid: number) => {
    const text = await readText(`/proc/${pid}/stat`);
    // the name, in parentheses, may hold anything: fields are counted from its end
    return text?.slice(text.lastIndexOf(')') + 2).trim().split(' ');
  };
  return {
    pid: process.pid,
    hostname: hostname(),
    bootId: async () => (await readText('/proc/sys/kernel/random/boot_id'))?.trim(),
    startTime: async (pid) => (await stat(pid))?.[19],
    async isAlive(pid) {
      const state = (await stat(pid))?.[0];
      if (state !== undefined) return state !== 'Z' && state !== 'X'; // a zombie has closed its files
      try {
        process.kill(pid, 0);
        return true;
      } catch (error) {
        return (error as NodeJS.ErrnoException).code === 'EPERM';
      }
    },
  };
}
