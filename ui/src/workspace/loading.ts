/** Fetches the runs of a workspace: the first ones with everything that they have, then all with what is needed. */
import { api } from "../api/client";
import type { TablePage, TableRequest } from "../api/types";
import { parseField, toLanguage } from "../table/fields";
import type { SortKey, WorkspaceState } from "../state/workspaceState";

/** Runs of the first answer: enough to fill the screen and to choose columns by. */
const FIRST = 60;
const PAGE = 20_000;

export const ALWAYS = [
  "name",
  "number",
  "experiment",
  "status",
  "started",
  "updated",
  "duration",
  "description",
  "archived",
  "deleted",
  "parent",
  "progress",
  "eta",
];

/** The order in the query language, of those keys that it has. */
export function orderBy(sort: readonly SortKey[]): string {
  const keys = sort.map((key) => ({ name: toLanguage(key.field), descending: key.descending }));
  return keys
    .filter((key) => key.name !== null)
    .map((key) => (key.descending ? "-" : "") + String(key.name))
    .join(", ");
}

/** What the table sends for a field; `curve.KEY` is drawn from elsewhere. */
export function sendable(fields: readonly string[]): string[] {
  return [...new Set(fields)].filter((field) => parseField(field).kind !== "curve");
}

function request(state: WorkspaceState): Omit<TableRequest, "columns" | "limit"> {
  return {
    query: state.query,
    experiment: state.experiment,
    order_by: orderBy(state.sort),
    include_deleted: state.trash,
    zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
  };
}

export function fetchFirst(state: WorkspaceState, signal: AbortSignal): Promise<TablePage> {
  return api.table({ ...request(state), columns: null, limit: FIRST }, signal);
}

/** All further pages, handed over as they come. */
export async function fetchRest(
  state: WorkspaceState,
  columns: readonly string[],
  cursor: string | null,
  signal: AbortSignal,
  take: (page: TablePage) => void,
): Promise<void> {
  let next = cursor;
  do {
    const body = { ...request(state), columns: sendable(columns), limit: PAGE, ...(next ? { cursor: next } : {}) };
    const page = await api.table(body, signal);
    take(page);
    next = page.next_cursor;
  } while (next);
}

function quoted(uids: readonly string[]): string {
  return uids.map((uid) => `'${uid}'`).join(", ");
}

/** Runs by uid, of any experiment, whether they match or not: what is pinned and added. */
export function fetchByUid(uids: readonly string[], columns: string[] | null, signal: AbortSignal): Promise<TablePage> {
  const query = `uid in (${quoted(uids)})`;
  return api.table({ query, experiment: null, columns, limit: PAGE, include_deleted: true }, signal);
}

/** Runs that changed in the last minutes. */
export function fetchRecent(
  state: WorkspaceState,
  columns: readonly string[],
  signal: AbortSignal,
): Promise<TablePage> {
  const own = state.query.trim();
  const query = `${own ? `(${own}) and ` : ""}updated > -10m`;
  return api.table({ ...request(state), query, columns: sendable(columns), limit: PAGE }, signal);
}

/** Of runs that changed, those that match (still or now). */
export function fetchChanged(
  state: WorkspaceState,
  uids: readonly string[],
  columns: readonly string[],
  signal: AbortSignal,
): Promise<TablePage> {
  const own = state.query.trim();
  const query = `${own ? `(${own}) and ` : ""}uid in (${quoted(uids)})`;
  return api.table({ ...request(state), query, columns: sendable(columns), limit: PAGE }, signal);
}
