import { readFileSync, readdirSync } from 'node:fs';

/** Clock ticks a second in /proc: 100 on every Linux that Node runs on. */
const ticksPerSecond = 100;

function statOf(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { parent: Number(fields[1]), seconds: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond };
  } catch {
    return undefined; // it has ended, or this is no Linux
  }
}

/** CPU seconds that a process has used, with those of the children that it has now. NaN where there is no /proc. */
export function cpuSecondsOf(pid) {
  const own = statOf(pid);
  if (own === undefined) return Number.NaN;
  let { seconds } = own;
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const other = statOf(name);
    if (other?.parent === pid) seconds += other.seconds;
  }
  return seconds;
}
