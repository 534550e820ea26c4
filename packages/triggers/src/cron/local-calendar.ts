import { CronFlag, nthWeekdayShift, type CronFields } from './cron-fields.ts';

const dayMs = 86_400_000;
/** A date that can come comes within 40 years: 29 February on one weekday, over 2100, which is no leap year. */
const searchDays = 40 * 366;

/**
 * The first local time after `after` that the fields name, or undefined when there is none.
 *
 * Local times are milliseconds as if the clock on the wall were UTC; they know nothing of zones or of daylight saving.
 */
export function nextLocalTime(fields: CronFields, after: number): number | undefined {
  const from = Math.floor(after / 1_000) * 1_000 + 1_000;
  let day = Math.floor(from / dayMs);
  const time = firstTimeOfDay(fields, (from - day * dayMs) / 1_000);
  if (time !== -1 && dayMatches(fields, day)) return day * dayMs + time * 1_000;
  const found = nextDay(fields, day + 1);
  if (found === undefined) return undefined;
  day = found;
  return day * dayMs + firstTimeOfDay(fields, 0) * 1_000;
}

function nextDay(fields: CronFields, from: number): number | undefined {
  const everyDay = (fields.flags & (CronFlag.ANY_DAY_OF_MONTH | CronFlag.ANY_WEEKDAY)) === (CronFlag.ANY_DAY_OF_MONTH | CronFlag.ANY_WEEKDAY);
  if (everyDay && fields.months === allMonths) return from;
  for (let day = from, end = from + searchDays; day < end; ) {
    const { month, date, length } = civil(day);
    if ((fields.months & (1 << month)) === 0) {
      day += length - date + 1;
      continue;
    }
    if (dateMatches(fields, day, date, length)) return day;
    day += 1;
  }
  return undefined;
}

const allMonths = 0b1_1111_1111_1110;

function dayMatches(fields: CronFields, day: number): boolean {
  const { month, date, length } = civil(day);
  return (fields.months & (1 << month)) !== 0 && dateMatches(fields, day, date, length);
}

/** When both day fields are restricted, either one is enough; that is what cron has always done. */
function dateMatches(fields: CronFields, day: number, date: number, length: number): boolean {
  const anyDate = (fields.flags & CronFlag.ANY_DAY_OF_MONTH) !== 0;
  const anyWeekday = (fields.flags & CronFlag.ANY_WEEKDAY) !== 0;
  const byDate = (fields.daysOfMonth & (1 << date)) !== 0 || ((fields.flags & CronFlag.LAST_DAY) !== 0 && date === length);
  if (anyWeekday) return byDate;
  const weekday = 1 << (((day % 7) + 11) % 7); // day 0 is a Thursday
  const nth = fields.flags >> nthWeekdayShift;
  const byWeekday =
    ((fields.weekdays & weekday) !== 0 && (nth === 0 || Math.ceil(date / 7) === nth)) ||
    ((fields.lastWeekdays & weekday) !== 0 && date > length - 7);
  return anyDate ? byWeekday : byDate || byWeekday;
}

/** Seconds of the first time of day at or after `second` seconds, or -1. */
function firstTimeOfDay(fields: CronFields, second: number): number {
  let hour = Math.trunc(second / 3_600);
  let minute = Math.trunc(second / 60) % 60;
  let wanted = second % 60;
  while (hour < 24) {
    if ((fields.hours & (1 << hour)) === 0) {
      hour += 1;
      minute = 0;
      wanted = 0;
      continue;
    }
    const nextMinute = firstBit(fields.minutesLow, fields.minutesHigh, minute);
    if (nextMinute === -1) {
      hour += 1;
      minute = 0;
      wanted = 0;
      continue;
    }
    if (nextMinute !== minute) {
      minute = nextMinute;
      wanted = 0;
    }
    const nextSecond = firstBit(fields.secondsLow, fields.secondsHigh, wanted);
    if (nextSecond !== -1) return hour * 3_600 + minute * 60 + nextSecond;
    minute += 1;
    wanted = 0;
  }
  return -1;
}

/** The lowest bit at or after `from` in a set of 64, or -1. */
function firstBit(low: number, high: number, from: number): number {
  if (from < 32) {
    const rest = low & (-1 << from);
    if (rest !== 0) return 31 - Math.clz32(rest & -rest);
    return high === 0 ? -1 : 63 - Math.clz32(high & -high);
  }
  const rest = from >= 64 ? 0 : high & (-1 << (from - 32));
  return rest === 0 ? -1 : 63 - Math.clz32(rest & -rest);
}

let civilDay = Number.NaN;
const civilDate = { month: 1, date: 1, length: 31 };

/** Month, date and length of the month of a day number (0 is 1970-01-01). One object is used again and again: this is the inner loop. */
function civil(day: number): { month: number; date: number; length: number } {
  if (day === civilDay) return civilDate;
  const shifted = day + 719_468; // days since 0000-03-01, a year that ends with its leap day
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.trunc((dayOfEra - Math.trunc(dayOfEra / 1_460) + Math.trunc(dayOfEra / 36_524) - Math.trunc(dayOfEra / 146_096)) / 365);
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.trunc(yearOfEra / 4) - Math.trunc(yearOfEra / 100));
  const shiftedMonth = Math.trunc((5 * dayOfYear + 2) / 153);
  civilDate.date = dayOfYear - Math.trunc((153 * shiftedMonth + 2) / 5) + 1;
  civilDate.month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  const year = yearOfEra + era * 400 + (civilDate.month <= 2 ? 1 : 0);
  civilDate.length = civilDate.month === 2 ? (year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28) : 30 + ((civilDate.month + (civilDate.month >> 3)) & 1);
  civilDay = day;
  return civilDate;
}
