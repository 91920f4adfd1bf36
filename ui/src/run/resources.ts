/** What a run has several of (GPUs, machines, ranks), together: a line with its band, a lane each, and which of them stands out. */
import type { Resource } from "../api/types";
import type { Line } from "../charts/lines";
import { colourName, dash } from "../shared/colours";

/** What a key without its device says: `gpu/utilization`, and `%`. */
export function resourceName(resource: string): { name: string; unit: string } {
  const key = resource.replace(/^system\//, "").replace("/*/", "/");
  const found = /_(percent|bytes|celsius|watts|mhz|per_s)$/.exec(key);
  const unit = { percent: "%", celsius: "°C", watts: "W", mhz: "MHz", bytes: "bytes", per_s: "per s" };
  const kind = found?.[1] as keyof typeof unit | undefined;
  return { name: key.slice(0, found?.index ?? key.length), unit: kind ? unit[kind] : "" };
}

const PLAIN = { raw: null, status: "", points: 0, reduced: false, breaks: [], faint: false, dash: [] };
const FINITE = { nan: 0, pos: 0, neg: 0 };

function numbers(values: readonly (number | null)[]): Float64Array {
  return Float64Array.from(values, (value) => value ?? NaN);
}

/** The mean of the lanes, between the least and the greatest reading of any of them. */
export function togetherLine(resource: Resource): Line {
  const { x, mean, low, high } = resource;
  const count = Uint32Array.from(x, (_, i) => mean.filter((lane) => lane[i] != null).length);
  const y = Float64Array.from(x, (_, i) => mean.reduce((sum, lane) => sum + (lane[i] ?? 0), 0) / (count[i] || NaN));
  const [band, above] = [numbers(low), numbers(high)];
  const colour = "--accent";
  return {
    ...PLAIN,
    id: "mean",
    name: "mean",
    colour,
    x: numbers(x),
    y,
    low: band,
    high: above,
    count,
    nonfinite: FINITE,
  };
}

export function laneLines(resource: Resource): Line[] {
  const x = numbers(resource.x);
  return resource.mean.map((lane, i) => ({
    ...PLAIN,
    id: resource.lanes[i] ?? "",
    name: resource.lanes[i] ?? "",
    colour: colourName(i),
    dash: dash(i),
    x,
    y: numbers(lane),
    low: null,
    high: null,
    count: null,
    nonfinite: FINITE,
  }));
}

/** The mean of each lane over time; NaN where it has none. */
export function laneMeans(resource: Resource): number[] {
  return resource.mean.map((lane) => {
    const known = lane.filter((value) => value !== null);
    return known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : NaN;
  });
}

function median(values: readonly number[]): number {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? (sorted[middle] ?? NaN) : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
}

/** More than this many times the usual distance from the median, and this share of it, is out of the ordinary. */
const USUAL = 4;
const SHARE = 0.1;

export interface Outlier {
  lane: string;
  mean: number;
  others: number;
}

/** The lane that is farthest from the others, where there are at least three and it is far enough to tell. */
export function outlierOf(resource: Resource): Outlier | null {
  const means = laneMeans(resource);
  if (means.filter(Number.isFinite).length < 3) return null;
  const others = median(means);
  const usual = median(means.map((mean) => Math.abs(mean - others)));
  let found: Outlier | null = null;
  means.forEach((mean, i) => {
    const far = Math.abs(mean - others);
    if (far > USUAL * usual && far > SHARE * Math.abs(others) && far > Math.abs((found?.mean ?? others) - others))
      found = { lane: resource.lanes[i] ?? "", mean, others };
  });
  return found;
}

/** From where to where the colours of a heat map go: of percentages, from 0 to 100. */
export function heatRange(resource: Resource): [number, number] {
  if (resource.resource.endsWith("_percent")) return [0, 100];
  const low = resource.low.filter((value) => value !== null);
  const high = resource.high.filter((value) => value !== null);
  return low.length ? [Math.min(...low), Math.max(...high)] : [0, 1];
}
