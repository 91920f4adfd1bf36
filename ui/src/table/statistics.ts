/** What a group says of the numbers of its members. NaN, infinities and missing values are left out and counted by `count`. */
import type { Spread } from "../state/workspaceState";

export interface Summary {
  count: number;
  mean: number;
  /** Of the sample: divided by n - 1; 0 for a single value. */
  std: number;
  min: number;
  max: number;
}

export function summarise(values: Iterable<unknown>): Summary | null {
  let count = 0;
  let mean = 0;
  let squares = 0;
  let min = Infinity;
  let max = -Infinity;
  for (const value of values) {
    if (typeof value !== "number" || !Number.isFinite(value)) continue;
    count += 1;
    const before = value - mean;
    mean += before / count;
    squares += before * (value - mean);
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  if (count === 0) return null;
  return { count, mean, std: count > 1 ? Math.sqrt(squares / (count - 1)) : 0, min, max };
}

// Two-sided 95 % quantiles of Student's t by degrees of freedom; beyond 30 the expansion is exact to three digits.
const T95 = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11,
  2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
];

export function studentT95(freedom: number): number {
  return T95[freedom - 1] ?? 1.96 + 2.372 / freedom + 2.82 / freedom ** 2;
}

/** From mean to the end of the band, below and above it. */
export function spreadOf(summary: Summary, spread: Spread): [number, number] {
  const { count, mean, std, min, max } = summary;
  if (spread === "range") return [mean - min, max - mean];
  const sem = std / Math.sqrt(count);
  const half = spread === "std" ? std : spread === "sem" ? sem : count > 1 ? studentT95(count - 1) * sem : 0;
  return [half, half];
}

export const SPREAD_NAMES: Record<Spread, string> = {
  std: "± standard deviation",
  sem: "± standard error",
  ci: "± 95 % CI",
  range: "min – max",
};
