/** What is read from a run's records for people. Records are JSON that a client wrote: nothing of them is taken for granted. */
import type { Cell, CellObject, Run, SeriesFacts, Value } from "../api/types";
import { formatCount, formatNumber } from "../shared/format";
import { lowerIsBetter } from "../table/fields";
import { cellText } from "../table/values";

function text(value: unknown): string | null {
  return typeof value === "string" && value ? value : null;
}

function objectOf(value: unknown): CellObject | null {
  return value !== null && typeof value === "object" && !Array.isArray(value) ? (value as CellObject) : null;
}

/** `61090d2 main, 2 files changed` */
export function gitText(run: Run): { text: string; title: string } | null {
  const git = objectOf(run.detail.git) ?? objectOf(run.detail.source);
  const commit = text(git?.["commit"]);
  if (!git || !commit) return null;
  const branch = text(git["branch"]);
  const changed = git["changed"] ?? git["dirty"] ?? git["modified"];
  const count = Array.isArray(changed)
    ? changed.length
    : typeof changed === "number"
      ? changed
      : changed === true
        ? null
        : 0;
  const state = count === null ? ", changed" : count ? `, ${count} ${count === 1 ? "file" : "files"} changed` : "";
  return { text: `${commit.slice(0, 7)}${branch ? ` ${branch}` : ""}${state}`, title: `commit ${commit}` };
}

export function commandText(run: Run): string | null {
  const command = run.detail.command;
  if (Array.isArray(command)) return command.map((part) => shellQuote(cellText(part))).join(" ");
  return text(command);
}

/** Why a run failed: in a line or few, and the whole traceback where one was recorded. */
export interface Failure {
  title: string;
  message: string;
  traceback: string | null;
}

export function failureOf(run: Run): Failure | null {
  const exit = objectOf(run.detail.exit);
  if (!exit) return null;
  const exception = text(exit["exception"]) ?? text(exit["error"]);
  const code = exit["exit_code"];
  const title = exception ?? (typeof code === "number" && code !== 0 ? `exit code ${code}` : null);
  if (title === null) return null;
  return { title, message: text(exit["message"]) ?? "", traceback: text(exit["traceback"]) };
}

export function shellQuote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

export function numberOf(value: Value): number {
  if (typeof value === "number") return value;
  return value === "Infinity" ? Infinity : value === "-Infinity" ? -Infinity : NaN;
}

export interface Tile {
  title: string;
  value: string;
  note: string;
}

/** The few numbers that matter: each metric's best where one knows which way is better, else its last. */
export function tiles(run: Run, series: Record<string, SeriesFacts>, most = 3): Tile[] {
  const rank = (key: string): number =>
    /^(val|valid|eval|test)/i.test(key) ? 0 : /^(system|train)/i.test(key) ? 2 : 1;
  const keys = Object.keys(series)
    .filter((key) => !key.startsWith("system/") && lowerIsBetter(key) !== null)
    .sort((a, b) => rank(a) - rank(b) || Number(lowerIsBetter(a)) - Number(lowerIsBetter(b)));
  const made = keys.slice(0, most).map((key): Tile => {
    const facts = series[key] as SeriesFacts;
    const low = lowerIsBetter(key) === true;
    const step = low ? facts.min_step : facts.max_step;
    const best = low ? facts.min : facts.max;
    return {
      title: `${key}, ${low ? "min" : "max"}`,
      value: best === null ? "–" : formatNumber(numberOf(best)),
      note: `${step === null ? "" : `at step ${formatCount(step)} · `}last ${formatNumber(numberOf(facts.last))}`,
    };
  });
  return [...made, { title: "points kept", value: formatCount(run.points), note: `${formatCount(run.lost)} lost` }];
}

export interface TreeRow {
  key: string;
  name: string;
  depth: number;
  /** null for what has others below it. */
  value: Cell | undefined;
}

/** Params with their nesting: by slashes and dots in keys, and within mappings. */
export function paramTree(params: Record<string, Cell>): TreeRow[] {
  const rows: TreeRow[] = [];
  const walk = (entries: [string, Cell][], depth: number, prefix: string): void => {
    for (const [name, value] of entries) {
      const inner = objectOf(value);
      const key = prefix + name;
      if (inner && Object.keys(inner).length && typeof inner["$number"] !== "string") {
        rows.push({ key, name, depth, value: undefined });
        walk(Object.entries(inner), depth + 1, `${key}.`);
      } else rows.push({ key, name, depth, value });
    }
  };
  walk(
    Object.entries(params).sort(([a], [b]) => a.localeCompare(b, undefined, { numeric: true })),
    0,
    "",
  );
  return rows;
}
