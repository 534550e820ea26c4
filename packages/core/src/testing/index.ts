export { fixedClock, type FixedClock } from './fixed-clock.ts';
