import { z } from 'zod';

import { InvalidInputError } from './errors.ts';

/** The units that a duration field of a document can be named in. */
export type DurationUnit = 'ms' | 's' | 'h';

const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/**
 * Milliseconds of `"250ms"`, `"90s"`, `"5m"`, `"2h"`, `"1d"`, `"1h30m"`, or of a bare number in `unit`.
 *
 * @throws InvalidInputError when the text is no duration, is negative, not finite or beyond 2^53 milliseconds
 */
export function parseDurationMs(value: string | number, unit: DurationUnit = 's', field = 'duration'): number {
  const wrong = () => new InvalidInputError(field, `must be a number of ${unitNames[unit]} or a duration such as "90s", "5m" or "2h", got ${JSON.stringify(value)}`);
  if (typeof value === 'number') {
    if (!(value >= 0 && value * unitMs[unit] <= Number.MAX_SAFE_INTEGER)) throw wrong();
    return toMs(value, unit);
  }
  const text = value.trim();
  if (text.length > 40) throw wrong();
  if (/^\d+(\.\d+)?$/.test(text)) return parseDurationMs(Number(text), unit, field);
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(text)) throw wrong();
  let totalMs = 0;
  for (const [, amount, name] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    totalMs += toMs(Number(amount), name as keyof typeof unitMs);
  }
  if (totalMs > Number.MAX_SAFE_INTEGER) throw wrong();
  return totalMs;
}

/** Milliseconds to the nearest microsecond, so that 1.1 s is 1100 ms and whole milliseconds survive being written in hours. */
function toMs(amount: number, unit: keyof typeof unitMs): number {
  const milliseconds = amount * unitMs[unit];
  return milliseconds < 1e12 ? Math.round(milliseconds * 1_000) / 1_000 : Math.round(milliseconds);
}

const unitNames = { ms: 'milliseconds', s: 'seconds', h: 'hours' } as const;

/** What the document form of a duration field needs to know; kept beside the schema, see `toDocument` and `parseDocument`. */
export interface DurationMeta {
  unit: DurationUnit;
  /** The document's name for the field, where a seed gave it one that the rule would not. */
  name?: string;
}

export const durationRegistry = z.registry<DurationMeta>();

/**
 * A schema for a field named `…Ms`: milliseconds in code; in documents the field loses its `Ms`, is counted in `unit`, and also takes `"90s"`.
 *
 * `heartbeatIntervalMs: duration('s')` is `heartbeat_interval: 10` in a manifest.
 */
export function duration(unit: DurationUnit, options: { check?: (schema: z.ZodNumber) => z.ZodNumber; name?: string } = {}): z.ZodNumber {
  const check = options.check ?? ((schema: z.ZodNumber) => schema.min(0));
  return check(z.number()).register(durationRegistry, options.name === undefined ? { unit } : { unit, name: options.name });
}

/** `unit` amounts of `milliseconds`, for writing a document. */
export function durationInUnit(milliseconds: number, unit: DurationUnit): number {
  return milliseconds / unitMs[unit];
}

/** A short human form: `850ms`, `12s`, `3m 20s`, `2h 5m`, `4d 3h`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 1_000) return `${Math.round(milliseconds)}ms`;
  const seconds = Math.floor(milliseconds / 1_000);
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return join(minutes, 'm', seconds % 60, 's');
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return join(hours, 'h', minutes % 60, 'm');
  return join(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

function join(major: number, majorUnit: string, minor: number, minorUnit: string): string {
  return minor === 0 ? `${major}${majorUnit}` : `${major}${majorUnit} ${minor}${minorUnit}`;
}
