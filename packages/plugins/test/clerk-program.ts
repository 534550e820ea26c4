import { idGenerator, silentLogger } from '@cortex-runtime/core';
import { nodeDisk, systemClock as clock, systemRandom as random } from '@cortex-runtime/core/node';
import { FileJournal, soleOwnerLock } from '@cortex-runtime/journal';

import { createPluginRegistry, type PluginRegistry } from '../src/index.ts';

export interface ClerkOptions {
  /** Of the journal. */
  directory: string;
  /** A folder with the calendar plugin installed. */
  from: string;
  /** Of the calendar. */
  url: string;
  apiKey: string;
}

/** A registry over a journal in files, with the calendar that is installed. */
export async function openClerk({ directory, from, url, apiKey }: ClerkOptions): Promise<{ registry: PluginRegistry; close(): Promise<void> }> {
  const createId = idGenerator({ clock, random });
  const journal = await FileJournal.open({ disk: nodeDisk, clock, createId, lock: soleOwnerLock() }, { directory });
  const broker = { get: (name: string) => Promise.resolve(name === 'calendar_api_key' ? apiKey : '') };
  const registry = createPluginRegistry({ clock, createId, logger: silentLogger, journal, broker, disk: nodeDisk }, { settings: { calendar: { url } } });
  await registry.discoverAndRegister({ from });
  return {
    registry,
    async close() {
      await registry.close();
      await journal.close();
    },
  };
}

/** As a program: makes one event and prints what became of it, a line of JSON each. */
export async function runClerk({ params, idempotencyKey, ...options }: ClerkOptions & { params: object; idempotencyKey: string }): Promise<void> {
  const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);
  const clerk = await openClerk(options);
  clerk.registry.watchApprovals(({ id, status }) => say({ approval: id, status }));
  try {
    say({ result: await clerk.registry.execute('calendar', 'create_event', params, { requestedBy: 'clerk', idempotencyKey }) });
  } catch (error) {
    say({ error: (error as { code?: string }).code ?? String(error) });
  }
  await clerk.close();
}
