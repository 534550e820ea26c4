import { readFileSync, readdirSync } from 'node:fs';
const dir = process.argv[2]; const f = readdirSync(dir).filter((x) => x.endsWith('.cpuprofile')).sort().at(-1);
const p = JSON.parse(readFileSync(`${dir}/${f}`, 'utf8'));
const self = new Map(); const byId = new Map(p.nodes.map((n) => [n.id, n]));
const dt = p.timeDeltas; p.samples.forEach((s, i) => self.set(s, (self.get(s) ?? 0) + dt[i]));
const agg = new Map(); let total = 0;
for (const [id, t] of self) { const n = byId.get(id); const c = n.callFrame; const k = `${c.functionName || '(anon)'} ${c.url.split('/').slice(-2).join('/')}:${c.lineNumber + 1}`; agg.set(k, (agg.get(k) ?? 0) + t); total += t; }
const idle = [...agg].filter(([k]) => k.startsWith('(idle)')).reduce((s, [, t]) => s + t, 0);
console.log('busy ms', ((total - idle) / 1000).toFixed(0));
for (const [k, t] of [...agg].sort((a, b) => b[1] - a[1]).slice(0, 45)) console.log((t / 1000).toFixed(0).padStart(7), ((t / (total - idle)) * 100).toFixed(1).padStart(5) + '%', k);
