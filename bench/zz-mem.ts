import { mkdirSync, mkdtempSync } from 'node:fs';
import { MemoryBus } from '@cortex-runtime/bus';
import { idGenerator, silentLogger } from '@cortex-runtime/core';
import { nodeDisk, systemClock as clock, systemRandom as random } from '@cortex-runtime/core/node';
import { TaskClient, TaskConsumer, TaskLedger } from '@cortex-runtime/dispatch';
import { FileJournal, soleOwnerLock } from '@cortex-runtime/journal';
const createId = idGenerator({ clock, random });
const n = Number(process.env.N ?? 60000);
const text = 'x'.repeat(100);
for (const journaled of process.env.J ? [true] : [false, true]) {
  for (let r = 0; r < 2; r++) {
    const bus = new MemoryBus({ clock });
    const client = new TaskClient({ bus, clock, createId });
    let c = process.cpuUsage();
    for (let at = 0; at < n; at += 500) await Promise.all(Array.from({ length: 500 }, (_, i) => client.submit({ messageId: `m${at + i}`, text, domain: 'eng', senderId: 'u' })));
    let e = process.cpuUsage(c);
    const s = (e.user + e.system) / n;
    let ledger;
    if (journaled) {
      const directory = mkdtempSync('/tmp/zzm-') + '/j'; mkdirSync(directory);
      ledger = await TaskLedger.open({ journal: await FileJournal.open({ disk: nodeDisk, clock, createId, logger: silentLogger, lock: soleOwnerLock() }, { directory }), clock }, 'tasks:bench');
    }
    let done = 0; let reached: () => void = () => {}; const all = new Promise<void>((res) => (reached = res));
    c = process.cpuUsage(); const t = performance.now();
    const consumer = new TaskConsumer({ bus, clock, random, ...(ledger ? { ledger } : {}), onResult: () => { if (++done === n) reached(); } }, { identity: 'bench', domains: ['eng'], concurrency: 50 });
    await consumer.start(async function* () { yield { kind: 'output', data: 'ok' }; });
    await all;
    e = process.cpuUsage(c);
    console.log(journaled ? 'journal' : 'plain', 'submit', s.toFixed(1), 'work CPU', ((e.user + e.system) / n).toFixed(1), 'wall', ((performance.now() - t) * 1000 / n).toFixed(1), 'µs');
    await consumer.stop(); await ledger?.close(); await client.close(); await bus.close();
  }
}
export const operations = {};
