import { CronExpressionParser } from 'cron-parser';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { CronExpressionError } from '../errors.ts';
import { cronSchedule, nextOccurrence } from './cron-schedule.ts';

/** The next `count` occurrences as ISO texts without the milliseconds. */
function upcoming(expression: string, timezone: string, after: string, count: number): string[] {
  const schedule = cronSchedule(expression, { timezone });
  const found: string[] = [];
  for (let at = schedule.next(Date.parse(after)); at !== undefined && found.length < count; at = schedule.next(at)) found.push(new Date(at).toISOString().replace(':00.000Z', 'Z'));
  return found;
}

// C3: what the written rule says, worked out by hand. Each row: expression, zone, after, the occurrences that follow.
const table: [string, string, string, string[]][] = [
  // New York springs forward 2026-03-08 at 02:00 EST (07:00Z) to 03:00 EDT.
  ['30 2 * * *', 'America/New_York', '2026-03-07T08:00Z', ['2026-03-08T07:00Z', '2026-03-09T06:30Z']], // F16: not 07:30Z
  ['0 2 * * *', 'America/New_York', '2026-03-07T08:00Z', ['2026-03-08T07:00Z', '2026-03-09T06:00Z']],
  ['0,30 2 * * *', 'America/New_York', '2026-03-08T06:00Z', ['2026-03-08T07:00Z', '2026-03-09T06:00Z', '2026-03-09T06:30Z']],
  ['30 2,3 * * *', 'America/New_York', '2026-03-08T06:00Z', ['2026-03-08T07:00Z', '2026-03-08T07:30Z', '2026-03-09T06:30Z']],
  ['0 2,3 * * *', 'America/New_York', '2026-03-08T06:00Z', ['2026-03-08T07:00Z', '2026-03-09T06:00Z', '2026-03-09T07:00Z']],
  ['30 2 8 3 *', 'America/New_York', '2026-01-01T00:00Z', ['2026-03-08T07:00Z', '2027-03-08T07:30Z']],
  ['30 2 * * 0', 'America/New_York', '2026-03-07T00:00Z', ['2026-03-08T07:00Z', '2026-03-15T06:30Z']],
  ['59 1 * * *', 'America/New_York', '2026-03-07T08:00Z', ['2026-03-08T06:59Z', '2026-03-09T05:59Z']],
  ['30 * * * *', 'America/New_York', '2026-03-08T05:45Z', ['2026-03-08T06:30Z', '2026-03-08T07:30Z', '2026-03-08T08:30Z']],
  ['*/30 * * * *', 'America/New_York', '2026-03-08T06:15Z', ['2026-03-08T06:30Z', '2026-03-08T07:00Z', '2026-03-08T07:30Z']],
  ['0 */2 * * *', 'America/New_York', '2026-03-08T04:30Z', ['2026-03-08T05:00Z', '2026-03-08T08:00Z', '2026-03-08T10:00Z']],
  ['*/15 2 * * *', 'America/New_York', '2026-03-08T00:00Z', ['2026-03-08T07:00Z', '2026-03-09T06:00Z', '2026-03-09T06:15Z']],
  // New York falls back 2026-11-01 at 02:00 EDT (06:00Z) to 01:00 EST.
  ['30 1 * * *', 'America/New_York', '2026-11-01T00:00Z', ['2026-11-01T05:30Z', '2026-11-02T06:30Z']],
  ['30 1 * * *', 'America/New_York', '2026-11-01T05:45Z', ['2026-11-02T06:30Z']],
  ['0 1 * * *', 'America/New_York', '2026-11-01T00:00Z', ['2026-11-01T05:00Z', '2026-11-02T06:00Z']],
  ['0 2 * * *', 'America/New_York', '2026-11-01T00:00Z', ['2026-11-01T07:00Z', '2026-11-02T07:00Z']],
  ['0,30 1 1 11 *', 'America/New_York', '2026-01-01T00:00Z', ['2026-11-01T05:00Z', '2026-11-01T05:30Z', '2027-11-01T05:00Z']],
  ['30 * * * *', 'America/New_York', '2026-11-01T04:45Z', ['2026-11-01T05:30Z', '2026-11-01T06:30Z', '2026-11-01T07:30Z']],
  ['*/30 * * * *', 'America/New_York', '2026-11-01T05:15Z', ['2026-11-01T05:30Z', '2026-11-01T06:00Z', '2026-11-01T06:30Z', '2026-11-01T07:00Z']],
  ['*/30 1 * * *', 'America/New_York', '2026-11-01T00:00Z', ['2026-11-01T05:00Z', '2026-11-01T05:30Z', '2026-11-01T06:00Z', '2026-11-01T06:30Z', '2026-11-02T06:00Z']],
  // Berlin: 2026-03-29 02:00 CET (01:00Z) to 03:00; 2026-10-25 03:00 CEST (01:00Z) to 02:00.
  ['30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00Z', ['2026-03-29T01:00Z', '2026-03-30T00:30Z']],
  ['0 3 * * *', 'Europe/Berlin', '2026-03-28T12:00Z', ['2026-03-29T01:00Z', '2026-03-30T01:00Z']],
  ['30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00Z', ['2026-10-25T00:30Z', '2026-10-26T01:30Z']],
  ['15 * * * *', 'Europe/Berlin', '2026-10-24T23:30Z', ['2026-10-25T00:15Z', '2026-10-25T01:15Z', '2026-10-25T02:15Z']],
  ['30 2 29 3 *', 'Europe/Berlin', '2026-01-01T00:00Z', ['2026-03-29T01:00Z', '2027-03-29T00:30Z']],
  ['0 9 * * 1-5', 'Europe/Berlin', '2026-03-27T09:00Z', ['2026-03-30T07:00Z', '2026-03-31T07:00Z']],
  // Lord Howe changes by half an hour: 2026-10-04 02:00 +10:30 (15:30Z the day before) to 02:30 +11; 2026-04-05 02:00 +11 (15:00Z) to 01:30.
  ['15 2 * * *', 'Australia/Lord_Howe', '2026-10-03T00:00Z', ['2026-10-03T15:30Z', '2026-10-04T15:15Z']],
  ['45 2 * * *', 'Australia/Lord_Howe', '2026-10-03T00:00Z', ['2026-10-03T15:45Z', '2026-10-04T15:45Z']],
  ['45 1 * * *', 'Australia/Lord_Howe', '2026-04-04T00:00Z', ['2026-04-04T14:45Z', '2026-04-05T15:15Z']],
  ['45 * * * *', 'Australia/Lord_Howe', '2026-04-04T14:00Z', ['2026-04-04T14:45Z', '2026-04-04T15:15Z', '2026-04-04T16:15Z']],
  ['*/15 * * * *', 'Australia/Lord_Howe', '2026-10-03T15:00Z', ['2026-10-03T15:15Z', '2026-10-03T15:30Z', '2026-10-03T15:45Z']],
  // Apia skipped 2011-12-30: from -10 to +14 at 10:00Z.
  ['0 9 * * *', 'Pacific/Apia', '2011-12-29T12:00Z', ['2011-12-29T19:00Z', '2011-12-30T10:00Z', '2011-12-30T19:00Z']],
  ['0 9 30 12 *', 'Pacific/Apia', '2011-12-01T00:00Z', ['2011-12-30T10:00Z', '2012-12-29T19:00Z']],
  ['0 9 * * 5', 'Pacific/Apia', '2011-12-29T12:00Z', ['2011-12-30T10:00Z', '2012-01-05T19:00Z']],
  ['0 * * * *', 'Pacific/Apia', '2011-12-30T08:30Z', ['2011-12-30T09:00Z', '2011-12-30T10:00Z', '2011-12-30T11:00Z']],
  ['0 0 31 12 *', 'Pacific/Apia', '2011-12-01T00:00Z', ['2011-12-30T10:00Z', '2012-12-30T10:00Z']],
  // Beirut and Santiago change at midnight; Kolkata never does.
  ['0 0 * * *', 'Asia/Beirut', '2026-03-28T00:00Z', ['2026-03-28T22:00Z', '2026-03-29T21:00Z']],
  ['30 0 * * *', 'America/Santiago', '2026-09-05T12:00Z', ['2026-09-06T04:00Z', '2026-09-07T03:30Z']],
  ['30 23 * * *', 'America/Santiago', '2026-04-04T00:00Z', ['2026-04-04T02:30Z', '2026-04-05T02:30Z', '2026-04-06T03:30Z']],
  ['0 9 29 2 *', 'Asia/Kolkata', '2026-01-01T00:00Z', ['2028-02-29T03:30Z', '2032-02-29T03:30Z']],
  ['0 12 L * *', 'UTC', '2028-01-31T13:00Z', ['2028-02-29T12:00Z', '2028-03-31T12:00Z']],
  ['0 0 13 * 5', 'UTC', '2026-02-06T00:00Z', ['2026-02-13T00:00Z', '2026-02-20T00:00Z']],
];

describe('cronSchedule', () => {
  it.each(table)('%s in %s after %s', (expression, timezone, after, expected) => {
    expect(upcoming(expression, timezone, after, expected.length)).toEqual(expected);
  });

  it('asked from any moment of a change day gives the same occurrences as asked once from before it', () => {
    const zones = ['America/New_York', 'Europe/Berlin', 'Australia/Lord_Howe', 'Pacific/Apia', 'America/Santiago', 'Africa/Casablanca'];
    const days = ['2026-03-08', '2026-11-01', '2026-03-29', '2026-10-25', '2026-04-05', '2026-10-04', '2011-12-30', '2026-09-06', '2026-02-15', '2026-03-22'];
    const expressions = ['30 2 * * *', '*/20 * * * *', '15 1-3 * * *', '*/15 2 * * *', '0 0 * * *', '45 23 * * *', '0 */3 * * *'];
    fc.assert(fc.property(fc.constantFrom(...zones), fc.constantFrom(...days), fc.constantFrom(...expressions), fc.integer({ min: 0, max: 3 * 86_400 }), (timezone, day, expression, seconds) => {
      const start = Date.parse(`${day}T00:00Z`) - 86_400_000;
      const fresh = cronSchedule(`${expression} `.trim(), { timezone });
      const after = start + seconds * 1_000;
      let expected = fresh.next(start);
      while (expected !== undefined && expected <= after) expected = fresh.next(expected);
      expect(fresh.next(after)).toBe(expected);
    }));
  });

  it('agrees with cron-parser wherever no clock changes', () => {
    const field = (min: number, max: number) => fc.oneof(fc.constant('*'), fc.integer({ min, max }).map(String), fc.integer({ min: 1, max: 20 }).map((step) => `*/${step}`),
      fc.tuple(fc.integer({ min, max }), fc.integer({ min, max })).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`), fc.tuple(fc.integer({ min, max }), fc.integer({ min, max })).map(([a, b]) => (a === b ? String(a) : `${a},${b}`)));
    const weekday = fc.oneof(field(0, 6), fc.constantFrom('5L', '2#2', '1,3', '7', 'MON-FRI'));
    const date = fc.oneof(field(1, 28), fc.constant('L'));
    fc.assert(fc.property(fc.tuple(field(0, 59), field(0, 59), field(0, 23), date, field(1, 12), weekday), fc.integer({ min: 0, max: 4_000_000_000 }), fc.constantFrom('UTC', 'Asia/Kolkata', 'Asia/Tokyo'), (fields, seconds, tz) => {
      const expression = fields.join(' ');
      const after = Math.max(seconds, 800_000_000) * 1_000;
      const oracle = CronExpressionParser.parse(expression, { tz, currentDate: new Date(after) });
      expect(nextOccurrence(expression, tz, after)).toBe(oracle.next().getTime());
    }), { numRuns: 300 });
  });

  it('reads the seconds first or last', () => {
    expect(cronSchedule('10 0 12 * * *', { seconds: 'first' }).next(0)).toBe(Date.UTC(1970, 0, 1, 12, 0, 10));
    expect(cronSchedule('0 12 * * * 10', { seconds: 'last' }).next(0)).toBe(Date.UTC(1970, 0, 1, 12, 0, 10));
    expect(cronSchedule('@daily', { seconds: 'last' }).next(0)).toBe(Date.UTC(1970, 0, 2));
  });

  it('shares equal schedules', () => {
    expect(cronSchedule('1 2 3 4 5')).toBe(cronSchedule('1 2 3 4 5'));
    expect(cronSchedule('1 2 3 4 5')).not.toBe(cronSchedule('1 2 3 4 5', { timezone: 'Asia/Tokyo' }));
  });

  it('answers far in the future', () => {
    expect(nextOccurrence('0 0 1 1 *', 'Europe/Berlin', Date.UTC(9999, 5, 1))).toBe(Date.UTC(9999, 11, 31, 23));
    expect(nextOccurrence('0 0 29 2 *', 'UTC', Date.UTC(2096, 2, 1))).toBe(Date.UTC(2104, 1, 29));
  });

  // C4
  it.each([
    ['0 0 30 2 *', /day of month|never due/], ['0 0 31 4,6,9,11 *', /day of month|never due/], ['*/0 * * * *', /can not be read/], ['* * * * * * 9999', /7 fields/],
    ['* * * *', /4 fields/], ['', /0 fields/], ['60 * * * *', /0-59/], ['0 24 * * *', /0-23/], ['0 0 0 * *', /1-31/], ['0 0 * 13 *', /1-12/], ['a b c d e', /can not be read/],
    ['H * * * *', /number itself/], ['@reboot', /@daily/], ['0 0 15W * *', /can not be read/], ['5-1 * * * *', /can not be read/], ['-1 * * * *', /can not be read/],
  ])('refuses %s', (expression, problem) => {
    expect(() => cronSchedule(expression)).toThrow(problem);
    expect(() => cronSchedule(expression)).toThrow(CronExpressionError);
  });

  it('refuses a million characters without reading them', () => {
    expect(() => cronSchedule('1'.repeat(1_000_000))).toThrow(/1000000 characters/);
    expect(() => cronSchedule(`${'0,'.repeat(90)}0 * * * *`)).toThrow(CronExpressionError);
  });

  it('refuses what can never be due', () => {
    for (const expression of ['0 0 30 2 *', '0 0 31 4 *', '0 0 31 2,4 *']) expect(() => cronSchedule(expression)).toThrow(CronExpressionError);
  });

  it('refuses a zone that does not exist', () => {
    for (const timezone of ['Mars/Base', '', '../etc/passwd', 'Europe/Berlin\u0000', 'x'.repeat(1_000)]) expect(() => cronSchedule('* * * * *', { timezone })).toThrow(/cron_timezone/);
  });
});
