import { CronExpressionError } from '../errors.ts';
import { CronFlag, parseCronFields, type CronFields, type CronSecondsPosition } from './cron-fields.ts';
import { nextLocalTime } from './local-calendar.ts';
import { timeZone, type TimeZone } from './time-zone.ts';

/**
 * When a cron expression is due in a zone. cron-parser reads the expression; the occurrences are found here, on bits (see bench/cron-schedules).
 *
 * When clocks change, by the rules of Vixie cron, made whole:
 *
 * - Forward: a local time that does not exist is due once, at the first moment after the gap. Several such times in one gap are due once together. A schedule whose
 *   hour field starts with `*` has no such debt: its next regular time follows within its own rhythm.
 * - Back: a local time that comes twice is due the first time only. A schedule whose hour, minute or second field starts with `*` keeps its rhythm through both.
 */
export interface CronSchedule {
  readonly expression: string;
  readonly timezone: string;
  /** The first occurrence strictly after `after` (milliseconds since the epoch), or undefined when there is none. */
  next(after: number): number | undefined;
}

/** Holds its fields itself: a schedule is one object, as there may be 100,000 of them. */
class BitSchedule implements CronSchedule, CronFields {
  readonly expression: string;
  readonly secondsLow: number;
  readonly secondsHigh: number;
  readonly minutesLow: number;
  readonly minutesHigh: number;
  readonly hours: number;
  readonly daysOfMonth: number;
  readonly months: number;
  readonly weekdays: number;
  readonly lastWeekdays: number;
  readonly flags: number;
  readonly #zone: TimeZone;
  // The last question and its answer: jobs that share a schedule ask the same thing one after the other.
  #askedFrom = Number.POSITIVE_INFINITY;
  #answer: number | undefined = Number.NEGATIVE_INFINITY;

  constructor(expression: string, zone: TimeZone, fields: CronFields) {
    this.expression = expression;
    this.secondsLow = fields.secondsLow;
    this.secondsHigh = fields.secondsHigh;
    this.minutesLow = fields.minutesLow;
    this.minutesHigh = fields.minutesHigh;
    this.hours = fields.hours;
    this.daysOfMonth = fields.daysOfMonth;
    this.months = fields.months;
    this.weekdays = fields.weekdays;
    this.lastWeekdays = fields.lastWeekdays;
    this.flags = fields.flags;
    this.#zone = zone;
  }

  get timezone(): string {
    return this.#zone.name;
  }

  next(after: number): number | undefined {
    if (after >= this.#askedFrom && (this.#answer === undefined || after < this.#answer)) return this.#answer;
    const answer = nextOccurrenceOf(this, this.#zone, after);
    this.#askedFrom = after;
    this.#answer = answer;
    return answer;
  }
}

const twoDaysMs = 2 * 86_400_000;

function nextOccurrenceOf(fields: CronFields, zone: TimeZone, after: number): number | undefined {
  const keepsRhythm = (fields.flags & (CronFlag.HOUR_STAR | CronFlag.MINUTE_STAR)) !== 0;
  const owesTheGap = (fields.flags & CronFlag.HOUR_STAR) === 0;
  let span = zone.spanAt(after);
  let from = after + span.offsetMs;
  for (let isFirst = true; ; isFirst = false) {
    const repeatedUntil = span.from + span.offsetBeforeMs;
    const local = nextLocalTime(fields, keepsRhythm || repeatedUntil - 1 <= from ? from : repeatedUntil - 1);
    if (local === undefined) return undefined;
    const at = local - span.offsetMs;
    if (at < span.until) return at;
    const change = span.until;
    // Nothing is due between here and `local`, so a search over years goes there at once; but a change next to us can bring local times back that lie behind us.
    if (at - twoDaysMs > change && !(isFirst && keepsRhythm)) {
      span = zone.spanAt(at - twoDaysMs);
      from = at - twoDaysMs + span.offsetMs;
      continue;
    }
    const next = zone.spanAt(change);
    if (owesTheGap && local < change + next.offsetMs && next.offsetMs > span.offsetMs) return change;
    span = next;
    from = change + next.offsetMs - 1;
  }
}

/** Schedules that were asked for lately, so that equal ones are one object. */
const shared = new Map<string, CronSchedule>();
const maxShared = 2_048;

/**
 * The schedule of an expression; equal ones are shared.
 *
 * @throws CronExpressionError when the expression or the zone can not be read, or when it is never due
 */
export function cronSchedule(expression: string, options: { timezone?: string; seconds?: CronSecondsPosition } = {}): CronSchedule {
  const zone = timeZone(options.timezone ?? 'UTC');
  const seconds = options.seconds ?? 'first';
  const key = `${zone.name} ${seconds} ${expression.length > 200 ? expression.length : expression}`;
  const known = shared.get(key);
  if (known !== undefined) return known;
  const fields = parseCronFields(expression, seconds);
  if (nextLocalTime(fields, 0) === undefined) throw new CronExpressionError('cron_expression', `${JSON.stringify(expression)} is never due: no such date comes`);
  const schedule = new BitSchedule(expression, zone, fields);
  if (shared.size >= maxShared) for (const oldest of shared.keys()) {
    shared.delete(oldest);
    break;
  }
  shared.set(key, schedule);
  return schedule;
}

/**
 * The first occurrence of an expression strictly after `after`, in milliseconds since the epoch; undefined when there is none.
 *
 * @throws CronExpressionError as {@link cronSchedule}
 */
export function nextOccurrence(expression: string, timezone: string, after: number): number | undefined {
  return cronSchedule(expression, { timezone }).next(after);
}
