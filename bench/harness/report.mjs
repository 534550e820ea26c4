import { statfsSync } from 'node:fs';
import { cpus, release, totalmem, type } from 'node:os';

const number = (value) => (Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en-US') : value.toLocaleString('en-US', { maximumSignificantDigits: 3 }));

/** `12.3 (11-14) ms`: median, least and greatest. */
export function shown({ median, min, max }, unit = '') {
  return `${number(median)} (${number(min)}-${number(max)})${unit === '' ? '' : ` ${unit}`}`;
}

/** One line of the answer. */
export function say(name, text) {
  console.log(`${name.padEnd(58)} ${text}`);
}

/** One line of the answer that has a goal. */
export function sayGoal(name, text, { goal, isMet }) {
  say(name, `${text}   ${isMet ? 'meets' : 'MISSES'} the goal of ${goal}`);
}

/** Magic number of a file system in memory, on which a sync costs nothing. */
const tmpfs = 0x01021994;

/** What the figures were measured on: no names, no paths. */
export function sayMachine(directory) {
  const processors = cpus();
  const memoryGb = Math.round(totalmem() / 2 ** 30);
  console.log(`Node ${process.version}, ${processors.length} × ${processors[0]?.model ?? 'unknown processor'}, ${memoryGb} GB, ${type()} ${release()}`);
  if (directory !== undefined && statfsSync(directory).type === tmpfs) console.log('WARNING: the data is on a file system in memory; set BENCH_DIRECTORY to one on a disk, or durable figures mean nothing');
}
