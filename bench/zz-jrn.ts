import { mkdirSync, mkdtempSync } from 'node:fs';
import { idGenerator, silentLogger } from '@cortex-runtime/core';
import { nodeDisk, systemClock as clock, systemRandom as random } from '@cortex-runtime/core/node';
import { TaskLedger } from '@cortex-runtime/dispatch';
import { FileJournal, ProcessLog, soleOwnerLock } from '@cortex-runtime/journal';
const createId = idGenerator({ clock, random });
const n = 100000;
const result = JSON.stringify({ task_id: 'a'.repeat(32), message_id: 'm1', agent: 'bench', status: 'success', response_text: 'ok', duration_seconds: 0.001, domain: 'eng', text: 'x'.repeat(100), attempts: 1 });
const open = async () => { const directory = mkdtempSync('/tmp/zzm-') + '/j'; mkdirSync(directory); return FileJournal.open({ disk: nodeDisk, clock, createId, logger: silentLogger, lock: soleOwnerLock() }, { directory }); };
const flight = Number(process.env.F ?? 200);
async function measure(name: string, one: (i: number) => Promise<unknown>) {
  const c = process.cpuUsage(), t = performance.now();
  let next = 0;
  await Promise.all(Array.from({ length: flight }, async () => { while (next < n) await one(next++); }));
  const e = process.cpuUsage(c);
  console.log(name.padEnd(20), 'CPU', ((e.user + e.system) / n).toFixed(1), 'wall', ((performance.now() - t) * 1000 / n).toFixed(1), 'µs');
}
for (let r = 0; r < 2; r++) {
  const j1 = await open();
  await measure('journal.append', (i) => j1.append({ processId: 'p', entryType: 'task_outcome', data: { task_id: `t${i}`, result } }));
  await j1.close();
  const j2 = await open(); const log = new ProcessLog({ journal: j2 }, { processId: 'p', projections: {} as never }); await log.recover();
  await measure('ProcessLog.record', (i) => log.record([{ entryType: 'task_outcome', data: { task_id: `t${i}`, result } }]).durable);
  await j2.close();
  const j3 = await open(); const ledger = await TaskLedger.open({ journal: j3, clock }, 'tasks:b');
  await measure('ledger.record', (i) => ledger.record(`t${i}`, result));
  const j4 = await open(); const l2 = await TaskLedger.open({ journal: j4, clock }, 'tasks:b');
  await measure('ledger + settled', async (i) => { l2.find(`t${i}`); await l2.record(`t${i}`, result); l2.settled(`t${i}`); });
  await l2.close(); await j3.close(); await j4.close();
}
export const operations = {};
