import { UsageError } from './errors.ts';

/** The whole number of an option. @throws UsageError outside `from` to `to` */
export function wholeNumber(option: string, text: string, from: number, to: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < from || value > to) throw new UsageError(`${option} must be a whole number from ${from} to ${to}, got ${JSON.stringify(text)}`);
  return value;
}
