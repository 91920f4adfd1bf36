/**
 * Smoothing of lines. Points that are not finite are left out and stay as they are. `stride` is how many points of the run one point of
 * the line stands for, so that a line looks the same however finely it was fetched.
 */
import type { Smoothing } from "../state/workspaceState";

/** Exponential moving average, divided by the sum of its weights, so that the first points are not drawn to zero. */
export function ema(y: Float64Array, weight: number, stride = 1): Float64Array {
  const keep = weight ** stride;
  const out = new Float64Array(y.length);
  let sum = 0;
  let total = 0;
  for (let i = 0; i < y.length; i++) {
    const value = y[i] ?? NaN;
    if (!Number.isFinite(value)) {
      out[i] = value;
      continue;
    }
    sum = keep * sum + (1 - keep) * value;
    total = keep * total + (1 - keep);
    out[i] = sum / total;
  }
  return out;
}

/** Mean of the points around each, the nearest `width` of them. */
export function runningMean(y: Float64Array, width: number, stride = 1): Float64Array {
  const half = Math.max(0, Math.round((width / stride - 1) / 2));
  const sums = new Float64Array(y.length + 1);
  const counts = new Float64Array(y.length + 1);
  for (let i = 0; i < y.length; i++) {
    const value = y[i] ?? NaN;
    const finite = Number.isFinite(value);
    sums[i + 1] = (sums[i] ?? 0) + (finite ? value : 0);
    counts[i + 1] = (counts[i] ?? 0) + (finite ? 1 : 0);
  }
  return y.map((value, i) => {
    if (!Number.isFinite(value)) return value;
    const from = Math.max(0, i - half);
    const to = Math.min(y.length, i + half + 1);
    return ((sums[to] ?? 0) - (sums[from] ?? 0)) / ((counts[to] ?? 0) - (counts[from] ?? 0));
  });
}

/** Weighted by a Gaussian of a standard deviation in points. */
export function gaussian(y: Float64Array, deviation: number, stride = 1): Float64Array {
  const sigma = deviation / stride;
  const reach = Math.min(y.length, Math.ceil(3 * sigma));
  if (reach < 1) return y.slice();
  const weights = Float64Array.from({ length: reach + 1 }, (_, i) => Math.exp(-(i * i) / (2 * sigma * sigma)));
  return y.map((value, i) => {
    if (!Number.isFinite(value)) return value;
    let sum = 0;
    let total = 0;
    for (let j = Math.max(0, i - reach); j <= Math.min(y.length - 1, i + reach); j++) {
      const near = y[j] ?? NaN;
      if (!Number.isFinite(near)) continue;
      const weight = weights[Math.abs(i - j)] ?? 0;
      sum += weight * near;
      total += weight;
    }
    return sum / total;
  });
}

export function smooth(y: Float64Array, method: Smoothing, amount: number, stride = 1): Float64Array | null {
  if (method === "none" || amount <= 0) return null;
  if (method === "ema") return ema(y, amount, stride);
  return method === "gaussian" ? gaussian(y, amount, stride) : runningMean(y, amount, stride);
}
