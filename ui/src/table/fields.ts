/** Fields of runs as the table, the query and the charts name them. */
import { meaningOf } from "../api/meanings";

export const AGGREGATES = ["last", "min", "max", "first", "mean"] as const;
export type Aggregate = (typeof AGGREGATES)[number];

export const ATTRIBUTES: Record<string, string> = {
  status: "Status",
  duration: "Duration",
  active: "Active time",
  started: "Started",
  ended: "Ended",
  updated: "Updated",
  progress: "Progress",
  eta: "Time left",
  user: "User",
  host: "Host",
  experiment: "Experiment",
  number: "Number",
  group: "Group",
  description: "Description",
  points: "Points",
  lost: "Lost",
  parent: "Parent",
  liveness: "Liveness",
};

const TIMES = new Set(["started", "ended", "updated"]);
const DURATIONS = new Set(["duration", "active", "eta"]);
const NUMBERS = new Set(["number", "points", "lost"]);

export type FieldKind = "attribute" | "param" | "tag" | "metric" | "curve";

export interface Field {
  id: string;
  kind: FieldKind;
  /** The key of a param, tag or metric; the name of an attribute. */
  key: string;
  /** Of a metric: `last`, `min` … or `at min of OTHER`. */
  note: string;
  title: string;
  format: "text" | "number" | "time" | "duration" | "count" | "share" | "status" | "curve";
}

/** Reads a field; what no kind has is an attribute with its own name. `curve.KEY` is the page's own: the line of a metric. */
export function parseField(id: string): Field {
  const dot = id.indexOf(".");
  const head = id.slice(0, dot);
  const rest = id.slice(dot + 1);
  if (dot > 0 && head === "params") return { id, kind: "param", key: rest, note: "param", title: rest, format: "text" };
  if (dot > 0 && head === "tags") return { id, kind: "tag", key: rest, note: "tag", title: rest, format: "text" };
  if (dot > 0 && head === "curve") return { id, kind: "curve", key: rest, note: "curve", title: rest, format: "curve" };
  if (dot > 0 && head === "metrics") return parseMetric(id, rest);
  return { id, kind: "attribute", key: id, note: "", title: ATTRIBUTES[id] ?? id, format: attributeFormat(id) };
}

function attributeFormat(id: string): Field["format"] {
  if (TIMES.has(id)) return "time";
  if (DURATIONS.has(id)) return "duration";
  if (NUMBERS.has(id)) return "count";
  if (id === "progress") return "share";
  return id === "status" ? "status" : "text";
}

function parseMetric(id: string, rest: string): Field {
  const base = { id, kind: "metric", format: "number" } as const;
  const at = /^(.*)@(min|max)\((.*)\)$/s.exec(rest);
  if (at) return { ...base, key: at[1] ?? "", title: at[1] ?? "", note: `at ${at[2]} of ${at[3]}` };
  const colon = rest.lastIndexOf(":");
  const suffix = colon > 0 ? rest.slice(colon + 1) : "";
  if (/^(min|max|first|mean|last|min_step|max_step|last_step|points)$/.test(suffix)) {
    const key = rest.slice(0, colon);
    const steps = suffix.endsWith("_step") || suffix === "points";
    return { ...base, key, title: key, note: suffix.replace("_", " "), format: steps ? "count" : "number" };
  }
  return { ...base, key: rest, title: rest, note: "last" };
}

/** A key as the query language writes it: in back ticks where it has to. */
export function quoteKey(key: string): string {
  return /^[^\s"'`(),=<>!&|]+$/.test(key) ? key : `\`${key.replaceAll("`", "``")}\``;
}

/** The field in the query language; null where it has none. */
export function toLanguage(id: string): string | null {
  const field = parseField(id);
  const key = quoteKey(field.key);
  if (field.kind === "param") return `params.${key}`;
  if (field.kind === "tag") return `tags.${key}`;
  if (field.kind === "curve") return null;
  if (field.kind === "attribute") return ["active", "liveness", "progress", "eta"].includes(id) ? null : id;
  if (field.note === "last") return `metrics.${key}`;
  return ["min", "max", "first", "mean"].includes(field.note) ? `${field.note}(metrics.${key})` : null;
}

/** Whether less of a metric is better: as its runs say, else as far as its name tells; null where it does not. */
export function lowerIsBetter(key: string): boolean | null {
  const { best } = meaningOf(key);
  if (best !== null) return best === "min";
  const word = key.toLowerCase();
  if (/loss|error|err\b|mae|mse|rmse|perplexity|ppl|wer|cer|fid|nll|regret|latency|divergence|brier/.test(word))
    return true;
  if (
    /acc|auc|f1|precision|recall|score|map\b|iou|dice|bleu|rouge|\br2\b|r2_?score|reward|return|success|throughput|psnr|ssim/.test(
      word,
    )
  )
    return false;
  return null;
}
