/** What stands at the axes: steps, durations, times. */
import { formatAxis, formatDuration, formatTime } from "../shared/format";
import { meaningOf } from "../api/meanings";
import type { ChartSettings, TimeUnit, XAxis } from "../state/workspaceState";

/** The settings of one chart: over steps means over what `define_metric` names, which is not what others are zoomed by. */
export function settingsOf(shared: ChartSettings, key: string): ChartSettings {
  const { x } = meaningOf(key);
  return shared.x === "step" && x !== null ? { ...shared, x: `metric:${x}`, zoom: null } : shared;
}

const SECONDS = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800,
];

/** What an axis of x shows: which x, and in what its durations are counted. */
export type Axis = Pick<ChartSettings, "x" | "unit">;

/** An axis of plain numbers. */
export const VALUES: Axis = { x: "step", unit: null };

const UNIT_S: Record<TimeUnit, number> = { s: 1, min: 60, h: 3600, d: 86400 };
const ROUND = [1e-3, 1e-2, 1e-1, 1, 10, 100, 1e3, 1e4, 1e5, 1e6].flatMap((size) => [size, 2 * size, 5 * size]);

function isDuration(x: XAxis): boolean {
  return x === "relative" || x === "active";
}

/** Distances between ticks that people count in; undefined leaves it to the chart. */
export function increments({ x, unit }: Axis): number[] | undefined {
  if (isDuration(x) && unit) return ROUND.map((step) => step * UNIT_S[unit]);
  if (isDuration(x)) return [0.001, 0.01, 0.1, 0.5, ...SECONDS];
  if (x === "time") return SECONDS.map((seconds) => seconds * 1000);
  return undefined;
}

/** A duration in a unit that was chosen. */
function formatIn(unit: TimeUnit, seconds: number): string {
  return `${formatAxisExact(+(seconds / UNIT_S[unit]).toPrecision(6))} ${unit}`;
}

export function formatTick({ x, unit }: Axis, value: number, distance: number): string {
  if (isDuration(x) && unit && value !== 0) return formatIn(unit, value);
  if (isDuration(x)) return value === 0 ? "0" : formatDuration(value);
  if (x !== "time") return formatAxis(value);
  const text = formatTime(value);
  if (distance >= 86_400_000) return text.slice(5, 10);
  return distance >= 60_000 ? text.slice(11, 16) : text.slice(11);
}

/** All ticks of one axis alike: in thousands or millions where the largest is. */
export function formatTicks(axis: Axis, ticks: readonly (number | null)[], distance: number): string[] {
  const write = (tick: number | null): string => (tick === null ? "" : formatTick(axis, tick, distance));
  const largest = Math.max(...ticks.map((tick) => Math.abs(tick ?? 0)));
  const unit = largest >= 1e12 || largest < 1e4 ? 0 : largest >= 1e9 ? 1e9 : largest >= 1e6 ? 1e6 : 1e3;
  const timely = isDuration(axis.x) || axis.x === "time";
  const whole = ticks.every((tick) => tick === null || Number.isInteger((tick * 1000) / unit));
  if (timely || unit === 0 || !whole) return ticks.map(write);
  const letter = unit === 1e9 ? "G" : unit === 1e6 ? "M" : "k";
  return ticks.map((tick) =>
    tick === null ? "" : tick === 0 ? "0" : `${String(tick / unit).replace("-", "\u2212")}${letter}`,
  );
}

/** The place of the cursor, in full. */
export function formatX({ x, unit }: Axis, value: number): string {
  if (x === "step") return `step ${formatAxisExact(value)}`;
  if (x === "time") return formatTime(value);
  if (isDuration(x))
    return `${unit ? formatIn(unit, value) : formatDuration(value)} ${x === "active" ? "of active time" : "after the start"}`;
  return `${x.slice("metric:".length)} ${formatAxisExact(value)}`;
}

function formatAxisExact(value: number): string {
  return Number.isInteger(value) ? value.toLocaleString("en").replaceAll(",", "\u2009") : String(+value.toPrecision(6));
}
