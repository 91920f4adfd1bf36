/** The tags of an experiment as a whole. */
import { api } from "../api/client";
import type { Cell } from "../api/types";
import type { TagValues } from "./tagEdits";

const PAGE = 5_000;

export async function fetchTags(
  experiment: string | null,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, TagValues>> {
  const keys = await api.keys("tags", experiment, signal);
  const found = new Map<string, Map<string, string>>(keys.map((key) => [key, new Map<string, string>()]));
  if (keys.length === 0) return found;
  const body = { query: "", experiment, columns: keys.map((key) => `tags.${key}`), limit: PAGE };
  let cursor: string | null = null;
  do {
    const page = await api.table({ ...body, ...(cursor ? { cursor } : {}) }, signal);
    for (const [key, values] of found) collect(values, page.uids, page.columns[`tags.${key}`] ?? []);
    cursor = page.next_cursor;
  } while (cursor);
  return new Map([...found].filter(([, values]) => values.size));
}

function collect(values: Map<string, string>, uids: readonly string[], cells: readonly Cell[]): void {
  cells.forEach((cell, i) => {
    const uid = uids[i];
    if (uid !== undefined && typeof cell === "string") values.set(uid, cell);
  });
}
