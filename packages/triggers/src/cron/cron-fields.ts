import { CronExpressionParser } from 'cron-parser';

import { CronExpressionError } from '../errors.ts';

/** Where the seconds stand in an expression of six fields. */
export type CronSecondsPosition = 'first' | 'last';

const maxExpressionLength = 200;

/** A cron expression as sets of bits: bit n of `hours` is hour n. 64-bit sets are two halves. Small integers only, so that 100,000 of them stay small. */
export interface CronFields {
  readonly secondsLow: number;
  readonly secondsHigh: number;
  readonly minutesLow: number;
  readonly minutesHigh: number;
  readonly hours: number;
  readonly daysOfMonth: number;
  readonly months: number;
  /** Weekdays, 0 is Sunday. */
  readonly weekdays: number;
  /** Weekdays that count only the last time in a month (`5L`). */
  readonly lastWeekdays: number;
  /** {@link CronFlag}s, and above them the n of an nth weekday of a month (`5#3`), 0 for every. */
  readonly flags: number;
}

export const CronFlag = { LAST_DAY: 1, ANY_DAY_OF_MONTH: 2, ANY_WEEKDAY: 4, HOUR_STAR: 8, MINUTE_STAR: 16 } as const;
export const nthWeekdayShift = 5;

/**
 * Reads an expression of five fields, of six with seconds, or a name such as `@daily`. The dialect is cron-parser's, without its random `H`.
 *
 * @throws CronExpressionError
 */
export function parseCronFields(expression: string, secondsPosition: CronSecondsPosition = 'first'): CronFields {
  if (expression.length > maxExpressionLength) throw wrong(`has ${expression.length} characters; at most ${maxExpressionLength} are allowed`);
  const parts = expandName(expression.trim()).split(/\s+/);
  if (parts.length !== 5 && parts.length !== 6) {
    throw wrong(`${JSON.stringify(expression)} has ${parts[0] === '' ? 0 : parts.length} fields; write five (minute hour day month weekday), or six with seconds`);
  }
  const ordered = parts.length === 5 ? ['0', ...parts] : secondsPosition === 'first' ? parts : [parts[5] ?? '', ...parts.slice(0, 5)];
  if (ordered.some((part) => /H/.test(part) && !/[A-Za-z]{3}/.test(part))) throw wrong('H draws a random time, which would change at every start; write the number itself');
  let parsed: ReturnType<typeof CronExpressionParser.parse>['fields'];
  try {
    // Only the fields are of interest. Without a date it would ask for the machine's time zone, which takes ten times as long as reading (bench/host-restart).
    parsed = CronExpressionParser.parse(ordered.join(' '), { tz: 'UTC', currentDate: 0 }).fields;
  } catch (cause) {
    throw wrong(`${JSON.stringify(expression)} can not be read: ${(cause as Error).message}`, cause);
  }
  const seconds = bits(parsed.second.values);
  const minutes = bits(parsed.minute.values);
  const lastWeekdays = parsed.dayOfWeek.values.filter((value) => /L$/i.test(String(value))).map((value) => Number.parseInt(String(value), 10) % 7);
  let flags = 0;
  if (parsed.dayOfMonth.hasLastChar) flags |= CronFlag.LAST_DAY;
  if (parsed.dayOfMonth.isWildcard) flags |= CronFlag.ANY_DAY_OF_MONTH;
  if (parsed.dayOfWeek.isWildcard) flags |= CronFlag.ANY_WEEKDAY;
  if (ordered[2]?.startsWith('*') === true) flags |= CronFlag.HOUR_STAR;
  if (ordered[1]?.startsWith('*') === true || ordered[0]?.startsWith('*') === true) flags |= CronFlag.MINUTE_STAR;
  return {
    secondsLow: seconds.low, secondsHigh: seconds.high,
    minutesLow: minutes.low, minutesHigh: minutes.high,
    hours: bits(parsed.hour.values).low,
    daysOfMonth: bits(parsed.dayOfMonth.values).low,
    months: bits(parsed.month.values).low,
    weekdays: bits(parsed.dayOfWeek.values.map((value) => (typeof value === 'number' ? value % 7 : value))).low,
    lastWeekdays: bits(lastWeekdays).low,
    flags: flags | (parsed.dayOfWeek.nthDay << nthWeekdayShift),
  };
}

/** Names for common schedules, as expressions of five fields. */
const namedSchedules = new Map([
  ['@yearly', '0 0 1 1 *'], ['@annually', '0 0 1 1 *'], ['@monthly', '0 0 1 * *'], ['@weekly', '0 0 * * 0'],
  ['@daily', '0 0 * * *'], ['@midnight', '0 0 * * *'], ['@hourly', '0 * * * *'],
]);

function expandName(expression: string): string {
  if (!expression.startsWith('@')) return expression;
  const expanded = namedSchedules.get(expression.toLowerCase());
  if (expanded === undefined) throw wrong(`${JSON.stringify(expression)} is not a known name; the names are ${[...namedSchedules.keys()].join(', ')}`);
  return expanded;
}

function bits(values: readonly (number | string)[]): { low: number; high: number } {
  let low = 0;
  let high = 0;
  for (const value of values) {
    if (typeof value !== 'number') continue;
    if (value < 32) low |= 1 << value;
    else high |= 1 << (value - 32);
  }
  return { low, high };
}

function wrong(problem: string, cause?: unknown): CronExpressionError {
  return new CronExpressionError('cron_expression', problem, { cause });
}
