/** One line for a group of runs: the mean at each x of those that are there, and a band around it. */
import type { Curve } from "../api/types";
import type { Spread } from "../state/workspaceState";
import { spreadOf, summarise } from "../table/statistics";

export interface Band {
  x: Float64Array;
  mean: Float64Array;
  low: Float64Array;
  high: Float64Array;
  count: Uint32Array;
}

const POINTS = 240;

/** The value of a line at `at`, between its two nearest finite points; NaN outside of it. `hint` is where to begin looking. */
function between(x: Float64Array, y: Float64Array, at: number, hint: number): { value: number; hint: number } {
  let i = hint;
  while (i < x.length - 1 && (x[i + 1] ?? Infinity) < at) i += 1;
  const [x0, y0, x1, y1] = [x[i] ?? NaN, y[i] ?? NaN, x[i + 1] ?? NaN, y[i + 1] ?? NaN];
  if (at === x0) return { value: y0, hint: i };
  if (!(at >= x0 && at <= x1)) return { value: NaN, hint: i };
  return { value: x1 === x0 ? y1 : y0 + ((y1 - y0) * (at - x0)) / (x1 - x0), hint: i };
}

/** The places at which a group is summarised: those of its members where all have the same, else evenly spread ones. */
function gridOf(curves: readonly Curve[]): Float64Array {
  const [first] = curves;
  if (!first) return new Float64Array();
  const longest = curves.reduce((best, curve) => (curve.x.length > best.x.length ? curve : best), first);
  const same = curves.every((curve) => curve.x.every((x, i) => x === longest.x[i]));
  if (same) return longest.x;
  let low = Infinity;
  let high = -Infinity;
  for (const { x } of curves) {
    low = Math.min(low, x[0] ?? Infinity);
    high = Math.max(high, x.at(-1) ?? -Infinity);
  }
  return Float64Array.from({ length: POINTS }, (_, i) => low + ((high - low) * i) / (POINTS - 1));
}

export function makeBand(curves: readonly Curve[], spread: Spread): Band {
  const x = gridOf(curves);
  const hints = curves.map(() => 0);
  const mean = new Float64Array(x.length).fill(NaN);
  const low = mean.slice();
  const high = mean.slice();
  const count = new Uint32Array(x.length);
  for (let i = 0; i < x.length; i++) {
    const values = curves.map((curve, c) => {
      const found = between(curve.x, curve.y, x[i] ?? NaN, hints[c] ?? 0);
      hints[c] = found.hint;
      return found.value;
    });
    const summary = summarise(values);
    if (!summary) continue;
    const [below, above] = spreadOf(summary, spread);
    mean[i] = summary.mean;
    low[i] = summary.mean - below;
    high[i] = summary.mean + above;
    count[i] = summary.count;
  }
  return { x, mean, low, high, count };
}
