/** What stands at the axes: steps, durations, times. */
import { formatAxis, formatDuration, formatTime } from "../shared/format";
import { meaningOf } from "../api/meanings";
import type { ChartSettings, XAxis } from "../state/workspaceState";

/** The settings of one chart: over steps means over what `define_metric` names, which is not what others are zoomed by. */
export function settingsOf(shared: ChartSettings, key: string): ChartSettings {
  const { x } = meaningOf(key);
  return shared.x === "step" && x !== null ? { ...shared, x: `metric:${x}`, zoom: null } : shared;
}

const SECONDS = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800,
];

/** Distances between ticks that people count in; undefined leaves it to the chart. */
export function increments(x: XAxis): number[] | undefined {
  if (x === "relative" || x === "active") return [0.001, 0.01, 0.1, 0.5, ...SECONDS];
  if (x === "time") return SECONDS.map((seconds) => seconds * 1000);
  return undefined;
}

export function formatTick(x: XAxis, value: number, distance: number): string {
  if (x === "relative" || x === "active") return value === 0 ? "0" : formatDuration(value);
  if (x !== "time") return formatAxis(value);
  const text = formatTime(value);
  if (distance >= 86_400_000) return text.slice(5, 10);
  return distance >= 60_000 ? text.slice(11, 16) : text.slice(11);
}

/** All ticks of one axis alike: in thousands or millions where the largest is. */
export function formatTicks(x: XAxis, ticks: readonly (number | null)[], distance: number): string[] {
  const write = (tick: number | null): string => (tick === null ? "" : formatTick(x, tick, distance));
  const largest = Math.max(...ticks.map((tick) => Math.abs(tick ?? 0)));
  const unit = largest >= 1e12 || largest < 1e4 ? 0 : largest >= 1e9 ? 1e9 : largest >= 1e6 ? 1e6 : 1e3;
  const timely = x === "relative" || x === "active" || x === "time";
  const whole = ticks.every((tick) => tick === null || Number.isInteger((tick * 1000) / unit));
  if (timely || unit === 0 || !whole) return ticks.map(write);
  const letter = unit === 1e9 ? "G" : unit === 1e6 ? "M" : "k";
  return ticks.map((tick) =>
    tick === null ? "" : tick === 0 ? "0" : `${String(tick / unit).replace("-", "\u2212")}${letter}`,
  );
}

/** The place of the cursor, in full. */
export function formatX(x: XAxis, value: number): string {
  if (x === "step") return `step ${formatAxisExact(value)}`;
  if (x === "time") return formatTime(value);
  if (x === "relative" || x === "active")
    return `${formatDuration(value)} ${x === "active" ? "of active time" : "after the start"}`;
  return `${x.slice("metric:".length)} ${formatAxisExact(value)}`;
}

function formatAxisExact(value: number): string {
  return Number.isInteger(value) ? value.toLocaleString("en").replaceAll(",", "\u2009") : String(+value.toPrecision(6));
}
