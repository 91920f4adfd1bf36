/** What has to be known of a whole column to write one of its cells: decimals, the range for heat, the best value. */
import { columnDecimals } from "../shared/format";
import type { RunData } from "./data";
import { lowerIsBetter, parseField, type Field } from "./fields";

export interface ColumnFacts {
  field: Field;
  numeric: boolean;
  decimals: number | null;
  low: number;
  high: number;
  /** null where nobody knows which way is better. */
  lowerIsBetter: boolean | null;
  best: number | null;
  /** Where heat begins: the median, so that only the better half is shaded and one outlier does not shade all others. */
  median: number;
}

export function columnFacts(data: RunData, places: readonly number[], id: string): ColumnFacts {
  const field = parseField(id);
  const column = data.columns.get(id) ?? [];
  const numbers: number[] = [];
  let filled = 0;
  for (const place of places) {
    const cell = column[place];
    if (cell === null || cell === undefined) continue;
    filled += 1;
    if (typeof cell === "number") numbers.push(cell);
  }
  let low = Infinity;
  let high = -Infinity;
  for (const value of numbers) {
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const better = field.kind === "metric" ? lowerIsBetter(field.key) : null;
  const best = better === null || low >= high ? null : better ? low : high;
  const decimals = field.format === "number" ? columnDecimals(numbers) : null;
  return {
    field,
    numeric: numbers.length > 0 && numbers.length * 2 > filled,
    decimals,
    low,
    high,
    lowerIsBetter: better,
    best,
    median: medianOf(numbers),
  };
}

function medianOf(values: readonly number[]): number {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

/** 0 to 1: how good a value is within its column, or how large where nobody knows. */
export function heatOf(facts: ColumnFacts, value: number): number {
  if (!Number.isFinite(value) || facts.low >= facts.high) return 0;
  const end = facts.lowerIsBetter ? facts.low : facts.high;
  return end === facts.median ? 0 : Math.max(0, (value - facts.median) / (end - facts.median));
}

const WIDTHS: Record<Field["format"], number> = {
  text: 112,
  number: 96,
  time: 112,
  duration: 96,
  count: 80,
  share: 80,
  status: 104,
  curve: 96,
};

/** A status with how far its run has come and how long it still takes. */
const STATUS_WITH_PROGRESS = 184;

/** Pixels. Metrics are wider where a group's mean has its spread beside it, or a value its difference to the baseline. */
export function defaultWidth(id: string, wide: boolean, progress = false): number {
  const field = parseField(id);
  if (progress && field.format === "status") return STATUS_WITH_PROGRESS;
  if (wide && field.kind === "metric") return 148;
  return Math.max(WIDTHS[field.format], Math.min(180, field.title.length * 6.4 + 34));
}
