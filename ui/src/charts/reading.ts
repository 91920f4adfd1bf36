/** Values of lines at one x, for the tooltip and for those who do not see the lines. */
import type { Line } from "./lines";

export interface Reading {
  line: Line;
  index: number;
  x: number;
  value: number;
  /** The point itself, where the line is smoothed. */
  raw: number | null;
  count: number | null;
}

/** The index of the point nearest to `at`, of ascending `x`; -1 where there is none. */
export function nearestIndex(x: Float64Array, at: number): number {
  let low = 0;
  let high = x.length - 1;
  if (high < 0) return -1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((x[middle] ?? 0) < at) low = middle;
    else high = middle;
  }
  return Math.abs((x[low] ?? 0) - at) <= Math.abs((x[high] ?? 0) - at) ? low : high;
}

/** Every line's nearest point within `reach` of `at`, largest value first, NaN last. */
export function readAt(lines: readonly Line[], at: number, reach: number): Reading[] {
  const readings: Reading[] = [];
  for (const line of lines) {
    if (line.faint) continue;
    const index = nearestIndex(line.x, at);
    const x = line.x[index] ?? NaN;
    const inside = at >= (line.x[0] ?? Infinity) && at <= (line.x.at(-1) ?? -Infinity);
    if (index < 0 || (!inside && Math.abs(x - at) > reach)) continue;
    const value = line.y[index] ?? NaN;
    readings.push({ line, index, x, value, raw: line.raw?.[index] ?? null, count: line.count?.[index] ?? null });
  }
  return readings.sort((a, b) => (Number.isNaN(a.value) ? 1 : Number.isNaN(b.value) ? -1 : b.value - a.value));
}

/** Those around the nearest, at most `most`, still in order. */
export function around(readings: readonly Reading[], nearest: string | null, most: number): Reading[] {
  if (readings.length <= most) return [...readings];
  const at = Math.max(
    0,
    readings.findIndex((reading) => reading.line.id === nearest),
  );
  const start = Math.max(0, Math.min(readings.length - most, at - Math.floor(most / 2)));
  return readings.slice(start, start + most);
}
