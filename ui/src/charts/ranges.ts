/** Ranges of axes: of what is finite, with outliers left out where wished, logarithmic where possible. */
import type { Line } from "./lines";

export type Range = [number, number];
export type Scale = "linear" | "log" | "symlog";

export function xRange(lines: readonly Line[]): Range | null {
  let low = Infinity;
  let high = -Infinity;
  for (const { x } of lines) {
    for (const end of [x[0], x.at(-1)]) {
      if (end === undefined || !Number.isFinite(end)) continue;
      low = Math.min(low, end);
      high = Math.max(high, end);
    }
  }
  if (low > high) return null;
  return low === high ? [low - 0.5, high + 0.5] : [low, high];
}

export interface YFacts {
  range: Range;
  /** Points above and below the range, where outliers are clipped. */
  above: number;
  below: number;
  /** How many finite values are zero or less: a logarithm has no place for them. */
  notPositive: number;
  smallestPositive: number;
}

function finiteWithin(lines: readonly Line[], x: Range | null): number[] {
  const values: number[] = [];
  for (const line of lines) {
    for (let i = 0; i < line.x.length; i++) {
      const at = line.x[i] ?? NaN;
      if (x && (at < x[0] || at > x[1])) continue;
      for (const y of [line.y, line.raw, line.low, line.high]) {
        const value = y?.[i] ?? NaN;
        if (Number.isFinite(value)) values.push(value);
      }
    }
  }
  return values;
}

/** Of all points within a range of x. Outliers are what lies beyond the 2nd and 98th percentile by more than their distance. */
export function yFacts(lines: readonly Line[], x: Range | null, clip: boolean): YFacts | null {
  const values = finiteWithin(lines, x);
  if (values.length === 0) return null;
  let low = Infinity;
  let high = -Infinity;
  let notPositive = 0;
  let smallestPositive = Infinity;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
    if (value <= 0) notPositive += 1;
    else smallestPositive = Math.min(smallestPositive, value);
  }
  let above = 0;
  let below = 0;
  if (clip && values.length > 20) {
    const sorted = Float64Array.from(values).sort();
    const at = (share: number): number => sorted[Math.round(share * (sorted.length - 1))] ?? 0;
    const [p2, p98] = [at(0.02), at(0.98)];
    const reach = (p98 - p2) * 0.25;
    const ends: Range = [Math.max(low, p2 - reach), Math.min(high, p98 + reach)];
    if (ends[0] < ends[1]) {
      for (const value of values) {
        if (value > ends[1]) above += 1;
        else if (value < ends[0]) below += 1;
      }
      [low, high] = ends;
    }
  }
  return { range: [low, high], above, below, notPositive, smallestPositive };
}

/** Some room above and below, so that lines do not run along the edge; zero is kept as an edge. */
export function padded([low, high]: Range, scale: Scale): Range {
  if (scale === "log") {
    const room = low === high ? 2 : (high / low) ** 0.04;
    return [low / room, high * room];
  }
  if (low === high) {
    const room = Math.abs(low) * 0.1 || 1;
    return [low - room, high + room];
  }
  const room = (high - low) * 0.05;
  return [low >= 0 && low < room * 2 ? 0 : low - room, high <= 0 && high > -room * 2 ? 0 : high + room];
}

/** Logarithmic where every value allows it; symmetric about zero where some do not. */
export function chooseScale(log: boolean, facts: YFacts): Scale {
  if (!log) return "linear";
  return facts.notPositive === 0 ? "log" : "symlog";
}

/** Where the symmetric logarithm is linear: below the smallest positive value, within 12 decades of the largest. */
export function linearBelow(facts: YFacts): number {
  const largest = Math.max(Math.abs(facts.range[0]), Math.abs(facts.range[1])) || 1;
  const smallest = Number.isFinite(facts.smallestPositive) ? facts.smallestPositive : largest;
  return Math.max(largest * 1e-12, Math.min(smallest, largest));
}

/** A value's place between 0 and 1. */
export function placer(scale: Scale, [low, high]: Range, linear: number): (value: number) => number {
  const map =
    scale === "log"
      ? Math.log10
      : scale === "symlog"
        ? (value: number) => Math.asinh(value / linear)
        : (value: number) => value;
  const from = map(low);
  const wide = map(high) - from || 1;
  return (value) => (map(value) - from) / wide;
}
