/** A reading of the monotonic clock. */
export const nanosecondsOf = () => Number(process.hrtime.bigint());
