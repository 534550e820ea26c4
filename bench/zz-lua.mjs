import { mkdtempSync, readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import { startRedis, ask } from './harness/redis-server.mjs';
const { importSource } = await import('../tools/source-bundle.mjs');
const dir = mkdtempSync('/tmp/zzl-');
const redis = await startRedis(dir);
const c = new Redis(redis.port);
const usec = async (n = 'evalsha') => { const i = await ask(redis.port, 'INFO commandstats'); const m = new RegExp(`cmdstat_${n}:calls=(\\d+),usec=(\\d+)`).exec(i); return m ? Number(m[2]) : 0; };
const src = (f) => readFileSync(new URL(`../packages/bus/src/redis/scripts/${f}.lua.ts`, import.meta.url), 'utf8');
const body = (f) => /`([\s\S]*)`/.exec(src(f))[1];
const fn = (f) => /Function = `([\s\S]*?)`;/.exec(src(f))[1];
const lane = fn('lane'), room = fn('room');
const N = 20000, B = Number(process.env.B ?? 100);
const payload = JSON.stringify({ task_id: 'a'.repeat(32), message_id: 'm1', text: 'x'.repeat(100), sender_id: 'u', domain: 'eng', dispatched_at: '2026-11-27T05:00:00.000Z' });
async function fill(variant = 'publish') {
  await c.flushall();
  const sha = await c.script('LOAD', body('publish').replace('${laneFunction}', lane).replace('${roomFunction}', room));
  const before = await usec();
  for (let i = 0; i < N; i += B) {
    const keys = ['s', 'lane'], args = [i + 1, 1, 1000, 1000000, 86400000, 600000, '', ''];
    for (let j = 0; j < B; j++) { keys.push(`d:${i + j}`); args.push('task', payload, `d${i + j}`, 'abcdefghijkl'); }
    await c.evalsha(sha, keys.length, ...keys, ...args);
  }
  return ((await usec()) - before) / N;
}
const result = JSON.stringify({ task_id: 'a'.repeat(32), message_id: 'm1', agent: 'bench', status: 'success', response_text: 'ok', duration_seconds: 0.001, domain: 'eng', text: 'x'.repeat(100), attempts: 1 });
async function complete(script, { keysOf, argsOf, order = 'fifo' }) {
  await fill();
  await c.xgroup('CREATE', 's', 'g', '0');
  const ids = [];
  for (let i = 0; i < N; i += 100) { const r = await c.xreadgroup('GROUP', 'g', 'c', 'COUNT', 100, 'STREAMS', 's', '>'); for (const [id] of r[0][1]) ids.push(id);
    if (ids.length >= 1000 || i + 100 >= N) break; }
  const sha = await c.script('LOAD', script);
  let before = await usec(); let at = 0, spent = 0, done = 0;
  while (done < N) {
    const batch = ids.slice(done, done + B); if (batch.length === 0) break;
    const keys = keysOf(batch, done), args = argsOf(batch, done);
    const u = await usec();
    await c.evalsha(sha, keys.length, ...keys, ...args);
    done += batch.length;
    if (ids.length < N) { const r = await c.xreadgroup('GROUP', 'g', 'c', 'COUNT', B, 'STREAMS', 's', '>'); if (r) for (const [id] of r[0][1]) ids.push(id); }
  }
  return ((await usec()) - before) / done;
}
console.log('publish', (await fill()).toFixed(2));
const note = fn('note-follow-up');
const full = body('complete').replace('${laneFunction}', lane).replace('${roomFunction}', room).replace('${noteFollowUpFunction}', note);
const keysOf = (b, at) => ['s', 'e', 'r', 'lane2', ...b.map((_, j) => `d:${at + j}`)];
const argsOf = (b, at) => ['g', 'c', b[0], b.at(-1), at + 1, 1, 1000, 1000000, '1', 600000, ...b.flatMap((id) => [id, 1, '1', 'result', result])];
console.log('complete', (await complete(full, { keysOf, argsOf })).toFixed(2));
const noPending = full.replace(/for _, row in ipairs\(redis.call\('XPENDING'.*\n/, '').replace('if held[id] ~= count then', 'if false then');
console.log('  without XPENDING', (await complete(noPending, { keysOf, argsOf })).toFixed(2));
const noDedup = full.replace("if ARGV[i + 2] == '1' then noteFollowUp", "if false then noteFollowUp");
console.log('  without dedup', (await complete(noDedup, { keysOf, argsOf })).toFixed(2));
const noAdd = full.replace(/reply = redis.call\('XADD'.*\n/, "reply = '1-1'\n");
console.log('  without XADD', (await complete(noAdd, { keysOf, argsOf })).toFixed(2));
const noLane = full.replace(/redis.call\('SET', KEYS\[4\].*\n/, "");
console.log('  without lane', (await complete(noLane, { keysOf, argsOf })).toFixed(2));
const nothing = "return #ARGV";
console.log('  nothing', (await complete(nothing, { keysOf, argsOf })).toFixed(2));
c.disconnect(); await redis.stop();
