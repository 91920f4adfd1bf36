/** Numbers, sizes, times and durations as people write them. Digits are grouped by a thin no-break space. */

const THIN = "\u2009";
const MINUS = "\u2212";

function group(digits: string): string {
  return digits.length < 5 ? digits : digits.replace(/\B(?=(\d{3})+(?!\d))/g, THIN);
}

/** A whole number of things: `1 204 118`. */
export function formatCount(value: number): string {
  return (value < 0 ? MINUS : "") + group(String(Math.abs(Math.round(value))));
}

/** A number with `digits` significant ones; powers of ten outside of 1e-4 … 1e6; NaN and infinities by name. */
export function formatNumber(value: number, digits = 4): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : `${MINUS}∞`;
  const size = Math.abs(value);
  const sign = value < 0 || Object.is(value, -0) ? MINUS : "";
  if (size === 0) return "0";
  if (Number.isInteger(value) && size < 1e9) return sign + group(String(size));
  if (size >= 1e6 || size < 1e-4) {
    const [mantissa = "", power = ""] = size.toExponential(Math.max(0, digits - 2)).split("e");
    const short = mantissa.includes(".") ? mantissa.replace(/\.?0+$/, "") : mantissa;
    return `${sign}${short}e${power.replace("+", "").replace("-", MINUS)}`;
  }
  const decimals = Math.max(0, digits - 1 - Math.floor(Math.log10(size)));
  const [whole = "", rest] = size.toFixed(Math.min(decimals, 12)).split(".");
  return sign + group(whole) + (rest ? `.${rest}` : "");
}

/** A param as it was given: no digit more, none less. */
export function formatExact(value: number): string {
  if (!Number.isFinite(value)) return formatNumber(value);
  const plain = String(Math.abs(value));
  const power = Math.abs(value).toExponential();
  const text = (plain.length > 12 && power.length < plain.length ? power : plain)
    .replace("e+", "e")
    .replace("e-", `e${MINUS}`);
  return (value < 0 ? MINUS : "") + (Number.isInteger(value) && !text.includes("e") ? group(text) : text);
}

/** How many decimals tell the values of one column apart: enough for `digits` significant ones of their spread. */
export function columnDecimals(values: ArrayLike<number>, digits = 4): number | null {
  let low = Infinity;
  let high = -Infinity;
  let smallest = Infinity;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
    if (value !== 0) smallest = Math.min(smallest, Math.abs(value));
  }
  if (low > high) return null;
  const largest = Math.max(Math.abs(low), Math.abs(high));
  // One format for all would hide some: each is then written by itself.
  if (largest >= 1e6 || smallest < largest * 1e-4) return null;
  if (largest === 0) return 0;
  return Math.min(8, Math.max(0, digits - 1 - Math.floor(Math.log10(largest))));
}

/** A number with the decimals of its column; by itself where the column has none. */
export function formatInColumn(value: number, decimals: number | null): string {
  if (decimals === null || !Number.isFinite(value)) return formatNumber(value);
  const [whole = "", rest] = Math.abs(value).toFixed(decimals).split(".");
  return (value < 0 ? MINUS : "") + group(whole) + (rest ? `.${rest}` : "");
}

/** The difference to another value, always with its sign. */
export function formatDelta(value: number, decimals: number | null): string {
  const text = formatInColumn(Math.abs(value), decimals === null ? null : decimals);
  return value === 0 ? "±0" : (value > 0 ? "+" : MINUS) + text;
}

/** Seconds: `41 s`, `22 min`, `1 h 52 min`, `3 d 4 h`. */
export function formatDuration(seconds: number | null): string {
  if (seconds === null || !Number.isFinite(seconds)) return "–";
  if (seconds < 0) return `\u2212${formatDuration(-seconds)}`;
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) {
    const rest = Math.floor(seconds % 60);
    return minutes < 10 && rest ? `${minutes} min ${rest} s` : `${minutes} min`;
  }
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  const days = Math.floor(hours / 24);
  return hours % 24 ? `${days} d ${hours % 24} h` : `${days} d`;
}

/** A share as percent: whole ones, and no hundred before the end. */
export function formatShare(share: number): string {
  return `${share < 1 ? Math.min(99, Math.floor(share * 100)) : 100} %`;
}

/** Bytes, in powers of 1000. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const units = ["kB", "MB", "GB", "TB", "PB"];
  let size = bytes;
  let unit = "B";
  for (const next of units) {
    if (size < 999.5) break;
    size /= 1000;
    unit = next;
  }
  return `${size < 10 ? size.toFixed(1) : Math.round(size)} ${unit}`;
}

/** A number on an axis: `0`, `5k`, `1.5M`, `0.02`, `1e−5`. */
export function formatAxis(value: number): string {
  const size = Math.abs(value);
  if (size === 0) return "0";
  for (const [limit, unit] of [
    [1e9, "G"],
    [1e6, "M"],
    [1e4, "k"],
  ] as const) {
    const scale = unit === "k" ? 1e3 : limit;
    if (size >= limit && size < 1e12) return (value < 0 ? MINUS : "") + String(+(size / scale).toPrecision(4)) + unit;
  }
  if (size >= 1e12 || size < 1e-3) return formatNumber(value, 4);
  return (value < 0 ? MINUS : "") + String(+size.toPrecision(6));
}

let zone: string | undefined;

/** The time zone in which times are shown; undefined is the browser's. */
export function setTimeZone(name: string | undefined): void {
  zone = name;
}

export function timeZone(): string {
  return zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
}

function parts(ms: number): Record<string, string> {
  const format = new Intl.DateTimeFormat("en-CA", {
    timeZone: timeZone(),
    hourCycle: "h23",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    weekday: "short",
  });
  return Object.fromEntries(format.formatToParts(ms).map((part) => [part.type, part.value]));
}

/** `2026-11-28 09:14:03` in the chosen zone. */
export function formatTime(ms: number): string {
  const p = parts(ms);
  return `${p["year"]}-${p["month"]}-${p["day"]} ${p["hour"]}:${p["minute"]}:${p["second"]}`;
}

const DAY_MS = 86_400_000;

/** `just now`, `8 min ago`, `yesterday 21:14`, `Tue 21:14`, `2026-11-01`. */
export function formatAgo(ms: number, now = Date.now()): string {
  const seconds = (now - ms) / 1000;
  if (seconds < 0) return formatTime(ms).slice(0, 16);
  if (seconds < 45) return "just now";
  if (seconds < 3600) return `${Math.max(1, Math.round(seconds / 60))} min ago`;
  const then = parts(ms);
  const clock = `${then["hour"]}:${then["minute"]}`;
  const day = (at: number): string => formatTime(at).slice(0, 10);
  if (day(ms) === day(now)) return `${Math.round(seconds / 3600)} h ago`;
  if (day(ms) === day(now - DAY_MS)) return `yesterday ${clock}`;
  if (now - ms < 6 * DAY_MS) return `${then["weekday"]} ${clock}`;
  return day(ms);
}
