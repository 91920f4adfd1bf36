/** From loaded runs to the rows of the table: filtered, sorted, in groups of groups. Runs are numbers: their places in the data. */
import type { Cell } from "../api/types";
import type { SortKey } from "../state/workspaceState";
import type { RunData } from "./data";
import { parseField } from "./fields";
import { summarise } from "./statistics";
import { cellText, compareCells } from "./values";

export interface RunRow {
  kind: "run";
  uid: string;
  place: number;
  depth: number;
  pinned: boolean;
}

export interface GroupRow {
  kind: "group";
  /** The values of all grouping fields down to this one; stable, for links. */
  id: string;
  field: string;
  value: Cell;
  depth: number;
  members: number[];
  collapsed: boolean;
  leaf: boolean;
}

export type Row = RunRow | GroupRow;

/** Newest first where nothing else decides: as the query language has it. */
export function sortPlaces(data: RunData, places: readonly number[], keys: readonly SortKey[]): number[] {
  const columns = keys.map((key) => data.columns.get(key.field) ?? []);
  const started = data.columns.get("started") ?? [];
  const lastDescending = keys.at(-1)?.descending ?? true;
  return [...places].sort((a, b) => {
    for (const [i, key] of keys.entries()) {
      const order = compareCells(columns[i]?.[a] ?? null, columns[i]?.[b] ?? null, key.descending);
      if (order) return order;
    }
    return compareCells(started[a] ?? null, started[b] ?? null, lastDescending);
  });
}

interface Group {
  value: Cell;
  text: string;
  members: number[];
}

function split(data: RunData, places: readonly number[], field: string): Group[] {
  const groups = new Map<string, Group>();
  for (const place of places) {
    const value = data.cell(field, place);
    const text = value === null ? "\u0000" : `${typeof value}:${cellText(value)}`;
    const group = groups.get(text);
    if (group) group.members.push(place);
    else groups.set(text, { value, text: cellText(value), members: [place] });
  }
  return [...groups.values()];
}

/** Groups in the order of their means by the first key; by their own value where that is no number. */
function sortGroups(data: RunData, groups: Group[], key: SortKey | undefined, field: string): Group[] {
  const rank = (group: Group): Cell => {
    if (!key || key.field === field) return group.value;
    const column = data.columns.get(key.field);
    return summarise(group.members.map((place) => column?.[place]))?.mean ?? null;
  };
  const ranked = groups.map((group) => ({ group, value: rank(group) }));
  ranked.sort((a, b) => compareCells(a.value, b.value, key?.descending ?? false));
  return ranked.map(({ group }) => group);
}

export interface RowsRequest {
  data: RunData;
  places: readonly number[];
  sort: readonly SortKey[];
  group: readonly string[];
  collapsed: ReadonlySet<string>;
  pinned: readonly string[];
}

/** All rows in order: pinned runs first, whatever sorts and groups. */
export function makeRows({ data, places, sort, group, collapsed, pinned }: RowsRequest): Row[] {
  const rows: Row[] = [];
  for (const uid of pinned) {
    const place = data.index.get(uid);
    if (place !== undefined) rows.push({ kind: "run", uid, place, depth: 0, pinned: true });
  }
  const above = new Set(pinned);
  const rest = sortPlaces(data, places, sort).filter((place) => !above.has(data.uids[place] ?? ""));
  addLevel(rows, data, rest, sort, group, collapsed, 0, "");
  return rows;
}

function addLevel(
  rows: Row[],
  data: RunData,
  places: readonly number[],
  sort: readonly SortKey[],
  group: readonly string[],
  collapsed: ReadonlySet<string>,
  depth: number,
  prefix: string,
): void {
  const field = group[depth];
  if (field === undefined) {
    for (const place of places) rows.push({ kind: "run", uid: data.uids[place] ?? "", place, depth, pinned: false });
    return;
  }
  for (const { value, text, members } of sortGroups(data, split(data, places, field), sort[0], field)) {
    const id = prefix + (value === null ? "–" : text) + "/";
    const closed = collapsed.has(id);
    rows.push({ kind: "group", id, field, value, depth, members, collapsed: closed, leaf: depth === group.length - 1 });
    if (!closed) addLevel(rows, data, members, sort, group, collapsed, depth + 1, id);
  }
}

/** `optimizer = adamw` */
export function groupTitle(row: GroupRow): { title: string; value: string } {
  return { title: parseField(row.field).title, value: row.value === null ? "none" : cellText(row.value) };
}
