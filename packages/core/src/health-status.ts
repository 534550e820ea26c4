/** The answer of a component that was asked how it is. It never rejects: a component that is down answers `ok: false`. */
export interface HealthStatus {
  ok: boolean;
  /** Milliseconds of the probe's round trip. */
  latencyMs?: number;
  /** Why it is not ok. */
  error?: string;
  details: Record<string, unknown>;
}
