/**
 * All that a link to the workspace says, as one typed value, and how it is written in the address. What has its default value is
 * left out, so that addresses stay short; what cannot be read falls back to its default, so that old links open.
 */

export type Layout = "table" | "split" | "charts";
export type XAxis = "step" | "relative" | "active" | "time" | `metric:${string}`;
export type Smoothing = "none" | "ema" | "gaussian" | "mean";
export type TimeUnit = "s" | "min" | "h" | "d";
export type Spread = "std" | "sem" | "ci" | "range";

/** Which runs have curves: the first ones of the table's order, all, or exactly those named. */
export type Shown = { kind: "top"; count: number } | { kind: "all" } | { kind: "only"; uids: string[] };

export interface SortKey {
  field: string;
  descending: boolean;
}

export interface ChartSettings {
  x: XAxis;
  /** Of durations at the x axis; null goes by their size. */
  unit: TimeUnit | null;
  logX: boolean;
  logY: boolean;
  smoothing: Smoothing;
  /** EMA: 0 ≤ weight < 1. Gaussian: standard deviation, running mean: width; both in points. */
  amount: number;
  clipOutliers: boolean;
  /** Group line and band, and whether the members stay faintly visible. */
  spread: Spread;
  members: boolean;
  /** Which keys have charts: text, or `/regular expression/`. */
  keys: string;
  /** The range of x that all charts show; null follows the data. */
  zoom: [number, number] | null;
  /** The key of the chart that fills the pane. */
  enlarged: string | null;
  columns: 1 | 2 | 3 | 4 | null;
}

export interface WorkspaceState {
  experiment: string | null;
  query: string;
  sort: SortKey[];
  /** null: those that differ among the runs. */
  columns: string[] | null;
  widths: Record<string, number>;
  group: string[];
  collapsed: string[];
  shown: Shown;
  hidden: string[];
  pinned: string[];
  baseline: string | null;
  /** Other runs, of any experiment, that are looked at beside. */
  added: string[];
  heat: boolean;
  /** What lines are called: text with fields in braces; empty takes the name. */
  legend: string;
  /** Runs or groups that stand first in the legend, as they were put there by hand. */
  order: string[];
  trash: boolean;
  layout: Layout;
  divider: number;
  charts: ChartSettings;
}

export const SHOWN_AT_FIRST = 8;

export function defaultState(): WorkspaceState {
  return {
    experiment: null,
    query: "",
    sort: [],
    columns: null,
    widths: {},
    group: [],
    collapsed: [],
    shown: { kind: "top", count: SHOWN_AT_FIRST },
    hidden: [],
    pinned: [],
    baseline: null,
    added: [],
    heat: true,
    legend: "",
    order: [],
    trash: false,
    layout: "split",
    divider: 45,
    charts: {
      x: "step",
      unit: null,
      logX: false,
      logY: false,
      smoothing: "none",
      amount: 0.6,
      clipOutliers: false,
      spread: "ci",
      members: false,
      keys: "",
      zoom: null,
      enlarged: null,
      columns: null,
    },
  };
}

/** One list in one parameter: items are separated by commas, and commas within an item are escaped. */
export function joinList(items: readonly string[]): string {
  return items.map((item) => item.replaceAll("~", "~0").replaceAll(",", "~1")).join(",");
}

export function splitList(text: string): string[] {
  if (text === "") return [];
  return text.split(",").map((item) => item.replaceAll("~1", ",").replaceAll("~0", "~"));
}

function writeShown(shown: Shown): string {
  if (shown.kind === "top") return `top-${shown.count}`;
  return shown.kind === "all" ? "all" : `only-${joinList(shown.uids)}`;
}

function readShown(text: string): Shown {
  if (text === "all") return { kind: "all" };
  if (text.startsWith("only-")) return { kind: "only", uids: splitList(text.slice(5)) };
  const count = /^top-(\d{1,6})$/.exec(text)?.[1];
  return { kind: "top", count: count === undefined ? SHOWN_AT_FIRST : Number(count) };
}

const LAYOUTS: readonly Layout[] = ["table", "split", "charts"];
const UNITS: readonly TimeUnit[] = ["s", "min", "h", "d"];
const SPREADS: readonly Spread[] = ["std", "sem", "ci", "range"];
const SMOOTHINGS: readonly Smoothing[] = ["none", "ema", "gaussian", "mean"];

/** The largest amount of each method. */
const MOST = { ema: 0.999, gaussian: 10_000, mean: 10_000 } as const;

function oneOf<Item extends string>(text: string | null, items: readonly Item[], otherwise: Item): Item {
  return items.find((item) => item === text) ?? otherwise;
}

function readX(text: string | null): XAxis {
  if (text?.startsWith("metric:")) return text as XAxis;
  return oneOf(text, ["step", "relative", "active", "time"] as const, "step");
}

function readNumber(text: string | null, otherwise: number, low: number, high: number): number {
  const value = text === null || text.trim() === "" ? NaN : Number(text);
  return Number.isFinite(value) ? Math.min(high, Math.max(low, value)) : otherwise;
}

function readPair(text: string | null): [number, number] | null {
  const [low, high] = (text ?? "").split("~").map(Number);
  if (low === undefined || high === undefined || !Number.isFinite(low) || !Number.isFinite(high)) return null;
  return low < high ? [low, high] : null;
}

export function formatSort(keys: readonly SortKey[]): string {
  return joinList(keys.map((key) => (key.descending ? "-" : "") + key.field));
}

function readSort(text: string): SortKey[] {
  return splitList(text).map((item) =>
    item.startsWith("-") ? { field: item.slice(1), descending: true } : { field: item, descending: false },
  );
}

function readWidths(text: string): Record<string, number> {
  const widths: Record<string, number> = {};
  for (const item of splitList(text)) {
    const cut = item.lastIndexOf("=");
    if (cut > 0) widths[item.slice(0, cut)] = readNumber(item.slice(cut + 1), 120, 40, 1200);
  }
  return widths;
}

export function writeState(state: WorkspaceState): string {
  const out = new URLSearchParams();
  const none = defaultState();
  const put = (name: string, value: string, otherwise = ""): void => {
    if (value !== otherwise) out.set(name, value);
  };
  const flag = (name: string, value: boolean, otherwise: boolean): void =>
    put(name, value ? "1" : "0", otherwise ? "1" : "0");
  put("experiment", state.experiment ?? "");
  put("query", state.query);
  put("sort", formatSort(state.sort));
  if (state.columns !== null) out.set("columns", joinList(state.columns));
  put("widths", joinList(Object.entries(state.widths).map(([field, width]) => `${field}=${Math.round(width)}`)));
  put("group", joinList(state.group));
  put("collapsed", joinList(state.collapsed));
  put("shown", writeShown(state.shown), writeShown(none.shown));
  put("hidden", joinList(state.hidden));
  put("pinned", joinList(state.pinned));
  put("baseline", state.baseline ?? "");
  put("added", joinList(state.added));
  flag("heat", state.heat, none.heat);
  put("legend", state.legend);
  put("order", joinList(state.order));
  flag("trash", state.trash, none.trash);
  put("layout", state.layout, none.layout);
  put("divider", String(Math.round(state.divider)), String(none.divider));
  const charts = state.charts;
  put("x", charts.x, "step");
  put("unit", charts.unit ?? "");
  flag("logx", charts.logX, false);
  flag("logy", charts.logY, false);
  if (charts.smoothing !== "none") out.set("smooth", `${charts.smoothing}-${charts.amount}`);
  flag("clip", charts.clipOutliers, false);
  put("spread", charts.spread, none.charts.spread);
  flag("members", charts.members, false);
  put("keys", charts.keys);
  if (charts.zoom) out.set("zoom", charts.zoom.join("~"));
  put("chart", charts.enlarged ?? "");
  put("across", String(charts.columns ?? ""));
  return out.toString();
}

export function readState(search: string): WorkspaceState {
  const from = new URLSearchParams(search);
  const none = defaultState();
  const list = (name: string): string[] => splitList(from.get(name) ?? "");
  const flag = (name: string, otherwise: boolean): boolean => (from.has(name) ? from.get(name) === "1" : otherwise);
  const [method = "", amount = ""] = (from.get("smooth") ?? "").split("-");
  const smoothing = oneOf(method, SMOOTHINGS, "none");
  const across = Number(from.get("across"));
  return {
    experiment: from.get("experiment") || null,
    query: from.get("query") ?? "",
    sort: readSort(from.get("sort") ?? ""),
    columns: from.has("columns") ? list("columns") : null,
    widths: readWidths(from.get("widths") ?? ""),
    group: list("group"),
    collapsed: list("collapsed"),
    shown: readShown(from.get("shown") ?? ""),
    hidden: list("hidden"),
    pinned: list("pinned"),
    baseline: from.get("baseline") || null,
    added: list("added"),
    heat: flag("heat", none.heat),
    legend: from.get("legend") ?? "",
    order: list("order"),
    trash: flag("trash", none.trash),
    layout: oneOf(from.get("layout"), LAYOUTS, none.layout),
    divider: readNumber(from.get("divider"), none.divider, 15, 85),
    charts: {
      x: readX(from.get("x")),
      unit: UNITS.find((unit) => unit === from.get("unit")) ?? null,
      logX: flag("logx", false),
      logY: flag("logy", false),
      smoothing,
      amount:
        smoothing === "none" ? none.charts.amount : readNumber(amount || null, none.charts.amount, 0, MOST[smoothing]),
      clipOutliers: flag("clip", false),
      spread: oneOf(from.get("spread"), SPREADS, none.charts.spread),
      members: flag("members", false),
      keys: from.get("keys") ?? "",
      zoom: readPair(from.get("zoom")),
      enlarged: from.get("chart") || null,
      columns: across === 1 || across === 2 || across === 3 || across === 4 ? across : null,
    },
  };
}
