/** What a chart draws: lines with their looks, made from curves and settings. */
import type { Curve } from "../api/types";
import { colourName, dash } from "../shared/colours";
import type { ChartSettings } from "../state/workspaceState";
import { makeBand } from "./bands";
import { smooth } from "./smoothing";

export interface Line {
  /** A run's uid, or a group's id. */
  id: string;
  name: string;
  colour: string;
  dash: readonly number[];
  x: Float64Array;
  /** What the line shows: smoothed where that is wished. */
  y: Float64Array;
  /** The points themselves behind a smoothed line. */
  raw: Float64Array | null;
  low: Float64Array | null;
  high: Float64Array | null;
  count: Uint32Array | null;
  status: string;
  points: number;
  reduced: boolean;
  nonfinite: { nan: number; pos: number; neg: number };
  breaks: readonly number[];
  faint: boolean;
}

export interface LineGroup {
  id: string;
  name: string;
  slot: number;
  curves: Curve[];
}

export function runLine(curve: Curve, name: string, slot: number, settings: ChartSettings, faint = false): Line {
  const stride = curve.n > 0 && curve.reduced ? Math.max(1, curve.points / curve.n) : 1;
  const smoothed = faint ? null : smooth(curve.y, settings.smoothing, settings.amount, stride);
  return {
    id: curve.run,
    name,
    colour: colourName(slot),
    dash: dash(slot),
    x: curve.x,
    y: smoothed ?? curve.y,
    raw: smoothed ? curve.y : null,
    low: null,
    high: null,
    count: null,
    status: curve.status,
    points: curve.points,
    reduced: curve.reduced,
    nonfinite: curve.nonfinite,
    breaks: curve.breaks,
    faint,
  };
}

/** A group's mean with its band; its members faintly behind where that is wished. */
export function groupLines(group: LineGroup, settings: ChartSettings): Line[] {
  const band = makeBand(group.curves, settings.spread);
  const mean = smooth(band.mean, settings.smoothing, settings.amount) ?? band.mean;
  const sum = (kind: "nan" | "pos" | "neg"): number =>
    group.curves.reduce((total, curve) => total + curve.nonfinite[kind], 0);
  const line: Line = {
    id: group.id,
    name: group.name,
    colour: colourName(group.slot),
    dash: dash(group.slot),
    x: band.x,
    y: mean,
    raw: null,
    low: band.low,
    high: band.high,
    count: band.count,
    status: "",
    points: group.curves.reduce((total, curve) => total + curve.points, 0),
    reduced: group.curves.some((curve) => curve.reduced),
    nonfinite: { nan: sum("nan"), pos: sum("pos"), neg: sum("neg") },
    breaks: [],
    faint: false,
  };
  const members = settings.members
    ? group.curves.map((curve) => runLine(curve, group.name, group.slot, settings, true))
    : [];
  return [...members, line];
}
