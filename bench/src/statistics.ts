/** Medians and percentiles of what was measured. Nothing is left out: no outlier is dropped, no mean hides one. */

/** The value below which `share` (0 to 1) of the values lie, by the nearest rank. @throws RangeError where there are none */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  if (value === undefined) throw new RangeError('no values to take a percentile of');
  return value;
}

/** The middle value; of an even number of values the mean of the two in the middle. @throws RangeError where there are none */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const high = sorted[Math.floor(sorted.length / 2)];
  const low = sorted[Math.floor((sorted.length - 1) / 2)];
  if (high === undefined || low === undefined) throw new RangeError('no values to take the median of');
  return (low + high) / 2;
}
