import { readTaskPayload, writeTaskPayload } from '../packages/dispatch/src/index.ts';
import { completeTaskPayload } from '../packages/dispatch/src/task/task-payload.ts';
const n = 300000;
export const operations = {};
const text = 'x'.repeat(100);
for (let r = 0; r < 3; r++) {
  let b = process.cpuUsage(); let p: any;
  for (let i = 0; i < n; i++) p = completeTaskPayload({ taskId: 't' + i, messageId: 'm' + i, text, domain: 'eng', senderId: 'u' });
  let e = process.cpuUsage(b); const c = (e.user + e.system) / n; b = process.cpuUsage(); let s = '';
  for (let i = 0; i < n; i++) s = writeTaskPayload(p);
  e = process.cpuUsage(b); const w = (e.user + e.system) / n; b = process.cpuUsage();
  for (let i = 0; i < n; i++) p = readTaskPayload(JSON.parse(s));
  e = process.cpuUsage(b); console.log('complete', c.toFixed(2), 'write', w.toFixed(2), 'read', ((e.user + e.system) / n).toFixed(2), 'µs');
}
