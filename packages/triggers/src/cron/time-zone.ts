import { CronExpressionError } from '../errors.ts';

/** A stretch of time in which the offset of a zone does not change. Milliseconds since the epoch; `until` is exclusive. */
export interface OffsetSpan {
  from: number;
  until: number;
  /** Local time minus UTC, in milliseconds. */
  offsetMs: number;
  /** The offset just before `from`; the same as `offsetMs` when the span begins only because the search did. */
  offsetBeforeMs: number;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** No zone has changed its clocks twice within this time since 1970. */
const probeStepMs = 5 * dayMs;
const spanLimitMs = 400 * dayMs;
/** A zone remembers this many spans: enough for a search over 28 years of two changes each. */
const rememberedSpans = 64;

/**
 * The offsets of one IANA zone, found once with Intl and remembered as spans: a lookup in a known span costs a comparison, where Intl takes microseconds.
 *
 * Read on by bisection, so every rule of the machine's zone database holds: half-hour changes, changes at midnight, whole days that were skipped.
 */
export class TimeZone {
  readonly name: string;
  readonly #format: Intl.DateTimeFormat | undefined;
  #spans: OffsetSpan[] = [];
  #last: OffsetSpan | undefined;

  constructor(name: string) {
    this.name = name;
    if (name === 'UTC') return;
    this.#format = new Intl.DateTimeFormat('en-US', {
      timeZone: name, calendar: 'iso8601', numberingSystem: 'latn', hourCycle: 'h23',
      year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit',
    });
  }

  /** The span that holds `at`. */
  spanAt(at: number): OffsetSpan {
    if (this.#format === undefined) return utcSpan;
    const last = this.#last;
    if (last !== undefined && last.from <= at && at < last.until) return last;
    let span = this.#spans.find((known) => known.from <= at && at < known.until);
    if (span === undefined) {
      span = this.#findSpan(at);
      if (this.#spans.length >= rememberedSpans) this.#spans = this.#spans.slice(rememberedSpans / 2);
      this.#spans.push(span);
    }
    this.#last = span;
    return span;
  }

  #findSpan(at: number): OffsetSpan {
    const offsetMs = this.#offsetAt(at);
    const from = this.#edge(at, -probeStepMs, offsetMs);
    const until = this.#edge(at, probeStepMs, offsetMs);
    return { from, until, offsetMs, offsetBeforeMs: this.#offsetAt(from - 1_000) };
  }

  /** The first moment at or after `at` with another offset, or with a negative step the first moment of this offset; a far point when there is none near. */
  #edge(at: number, stepMs: number, offsetMs: number): number {
    let same = at;
    for (let probe = at + stepMs; Math.abs(probe - at) <= spanLimitMs; probe += stepMs) {
      if (this.#offsetAt(probe) === offsetMs) {
        same = probe;
        continue;
      }
      let other = probe;
      while (Math.abs(other - same) > 1) {
        const middle = Math.floor((same + other) / 2);
        if (this.#offsetAt(middle) === offsetMs) same = middle;
        else other = middle;
      }
      return Math.max(same, other);
    }
    return same;
  }

  #offsetAt(at: number): number {
    const seconds = Math.floor(at / 1_000) * 1_000;
    let year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0;
    for (const { type, value } of this.#format?.formatToParts(seconds) ?? []) {
      if (type === 'year') year = Number(value);
      else if (type === 'month') month = Number(value);
      else if (type === 'day') day = Number(value);
      else if (type === 'hour') hour = Number(value);
      else if (type === 'minute') minute = Number(value);
      else if (type === 'second') second = Number(value);
    }
    return Date.UTC(year, month - 1, day, hour, minute, second) - seconds;
  }
}

const utcSpan: OffsetSpan = { from: Number.NEGATIVE_INFINITY, until: Number.POSITIVE_INFINITY, offsetMs: 0, offsetBeforeMs: 0 };

const zones = new Map<string, TimeZone>();

/**
 * The zone of that name; the same object each time.
 *
 * @throws CronExpressionError when the machine's zone database does not know it
 */
export function timeZone(name: string): TimeZone {
  const known = zones.get(name);
  if (known !== undefined) return known;
  if (!/^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/.test(name)) throw unknownZone(name);
  let zone: TimeZone;
  try {
    zone = new TimeZone(name);
  } catch (cause) {
    throw unknownZone(name, cause);
  }
  zones.set(name, zone);
  return zone;
}

function unknownZone(name: string, cause?: unknown): CronExpressionError {
  return new CronExpressionError('cron_timezone', `${JSON.stringify(name.slice(0, 64))} is not a time zone of this machine; use an IANA name such as "Europe/Berlin" or "UTC"`, { cause });
}
