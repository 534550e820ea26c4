export { fixedClock, type FixedClock } from './fixed-clock.ts';
export { seededRandom } from './seeded-random.ts';
