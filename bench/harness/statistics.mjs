/** Value below which `share` of the sorted list lies. */
export function percentile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** Median, least and greatest of what repeated measurements gave. */
export function spreadOf(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const median = sorted.length % 2 === 1 ? sorted[Math.floor(middle)] : (sorted[middle - 1] + sorted[middle]) / 2;
  return { median, min: sorted[0], max: sorted.at(-1), count: sorted.length };
}

/** Ratio of two series that were measured alternately: each round is divided by its own counterpart, so that a busy minute weighs on both. */
export function ratioOf(ours, theirs) {
  return spreadOf(ours.map((value, round) => value / theirs[round]));
}
