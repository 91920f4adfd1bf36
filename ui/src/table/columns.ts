/** Which columns are shown when nobody chose. */
import type { RunData } from "./data";
import { cellText } from "./values";

/** Whether a column has more than one value among the runs; a missing one counts. */
export function varies(data: RunData, field: string): boolean {
  const cells = data.columns.get(field) ?? [];
  const [first = null] = cells;
  const text = first === null ? null : cellText(first);
  return cells.some((cell) => (cell === null ? null : cellText(cell)) !== text);
}

/** Whether those that have the value differ; a column that is only missing here and there tells less. */
function differs(data: RunData, field: string): boolean {
  const texts = new Set<string>();
  for (const cell of data.columns.get(field) ?? []) if (cell !== null) texts.add(cellText(cell));
  return texts.size > 1;
}

const MOST_METRICS = 4;
const MOST_PARAMS = 6;

/** Metrics whose names promise most come first: those of validation, then those of tests, then the rest. */
function metricRank(key: string): number {
  if (/^(val|valid|validation|eval|dev)\b/i.test(key)) return 0;
  if (/^test\b/i.test(key)) return 1;
  if (/^(system|sys|_)/i.test(key)) return 9;
  if (/\b(lr|learning_rate|epoch|step|grad_norm|throughput|time)\b/i.test(key)) return 5;
  return /^train\b/i.test(key) ? 3 : 2;
}

function quality(key: string): number {
  if (/acc|auc|f1|score|reward/i.test(key)) return 0;
  return /loss|error/i.test(key) ? 1 : 2;
}

/** Status, the metrics that matter, the params that differ, duration and start. */
export function defaultColumns(data: RunData): string[] {
  const fields = [...data.columns.keys()];
  const metrics = fields
    .filter((field) => field.startsWith("metrics.") && (data.columns.get(field) ?? []).some((cell) => cell !== null))
    .map((field) => field.slice("metrics.".length))
    .filter((key) => metricRank(key) < 9)
    .sort((a, b) => metricRank(a) - metricRank(b) || quality(a) - quality(b) || a.localeCompare(b))
    .slice(0, MOST_METRICS);
  const first = metrics[0];
  const params = fields
    .filter((field) => field.startsWith("params.") && (data.size < 2 || varies(data, field)))
    .sort((a, b) => Number(differs(data, b)) - Number(differs(data, a)))
    .slice(0, MOST_PARAMS);
  return [
    "status",
    ...metrics.map((key) => `metrics.${key}`),
    ...(first === undefined ? [] : [`curve.${first}`]),
    ...params,
    "duration",
    "started",
  ];
}
