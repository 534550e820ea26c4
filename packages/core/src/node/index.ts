export { systemClock } from './system-clock.ts';
export { systemRandom } from './system-random.ts';
export { nodeDisk } from './node-disk.ts';
export { nodeNet } from './node-net.ts';
