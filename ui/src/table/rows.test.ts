import { expect, test } from "vitest";
import { defaultColumns, varies } from "./columns";
import { RunData } from "./data";
import { makeRows, sortPlaces } from "./rows";
import { click, nothing } from "./selection";
import { formatCell } from "./values";
import { parseField } from "./fields";
import { edges, Placing, visibleColumns, visibleRows } from "./windowing";

function load(columns: Record<string, unknown[]>): RunData {
  const uids = Object.values(columns)[0]?.map((_, i) => `r${i}`) ?? [];
  return new RunData().merge({
    uids,
    total: null,
    next_cursor: null,
    columns: columns as never,
    hints: [],
    definitions: {},
  });
}

const names = (data: RunData, places: number[]): string[] => places.map((place) => data.uids[place] ?? "");

test("wish 3: numbers sort as numbers, NaN and missing stay at the bottom both ways", () => {
  const data = load({ "params.lr": [1e-4, 10, 0.01, null, { $number: "NaN" }, "auto"], started: [0, 1, 2, 3, 4, 5] });
  const all = [0, 1, 2, 3, 4, 5];
  const by = (descending: boolean) => names(data, sortPlaces(data, all, [{ field: "params.lr", descending }]));
  expect(by(false)).toEqual(["r0", "r2", "r1", "r5", "r4", "r3"]);
  expect(by(true)).toEqual(["r1", "r2", "r0", "r5", "r4", "r3"]);
});

test("by several, then the newest first", () => {
  const data = load({ "params.a": [1, 2, 1, 2], "metrics.b": [5, "NaN", 6, 7], started: [1, 2, 3, 4] });
  const places = sortPlaces(
    data,
    [0, 1, 2, 3],
    [
      { field: "params.a", descending: false },
      { field: "metrics.b", descending: true },
    ],
  );
  expect(names(data, places)).toEqual(["r2", "r0", "r3", "r1"]);
  expect(names(data, sortPlaces(data, [0, 1, 2, 3], []))).toEqual(["r3", "r2", "r1", "r0"]);
});

test("wishes 2, 5 and 12: groups of groups, pinned runs above, and a group's members whatever else is shown", () => {
  const data = load({
    "params.opt": ["a", "b", "a", null],
    "params.seed": [1, 1, 2, 1],
    "metrics.acc": [0.5, 0.9, 0.7, 0.1],
    started: [1, 2, 3, 4],
  });
  const request = {
    data,
    places: [0, 1, 2, 3],
    sort: [{ field: "metrics.acc", descending: true }],
    group: ["params.opt", "params.seed"],
    collapsed: new Set(["a/"]),
    pinned: ["r3"],
  };
  const rows = makeRows(request);
  const text = rows.map((row) => (row.kind === "run" ? row.uid : `${row.id}${row.members.length}`));
  expect(text).toEqual(["r3", "b/1", "b/1/1", "r1", "a/2"]);
  const alone = makeRows({ ...request, places: [0, 2], pinned: [] });
  expect(alone[0]).toMatchObject({ members: [2, 0] });
});

test("wish 6: columns that differ are shown, constant ones are not", () => {
  const data = load({
    "params.lr": [1, 2],
    "params.seed": [3, 3],
    "metrics.val/acc": [1, 2],
    "metrics.system/cpu": [1, 2],
  });
  expect(varies(data, "params.lr")).toBe(true);
  expect(defaultColumns(data)).toEqual([
    "status",
    "metrics.val/acc",
    "curve.val/acc",
    "params.lr",
    "duration",
    "started",
  ]);
});

test("columns whose values differ come before those that are only missing somewhere", () => {
  const data = load({ "params.epochs": [60, null, 60], "params.lr": [1, 2, 3] });
  expect(defaultColumns(data).filter((id) => id.startsWith("params."))).toEqual(["params.lr", "params.epochs"]);
});

test("a later page fills in, and brings known runs up to date", () => {
  const first = load({ name: ["a", "b"] });
  const second = first.merge({
    uids: ["r1", "r2"],
    total: 3,
    next_cursor: null,
    columns: { name: ["B", "c"] },
    hints: [],
    definitions: {},
  });
  expect(second.columns.get("name")).toEqual(["a", "B", "c"]);
  expect(second.without(new Set(["r0"])).columns.get("name")).toEqual(["B", "c"]);
  expect(first.columns.get("name")).toEqual(["a", "b"]);
});

test("wish 7: ranges by shift, single ones by ctrl", () => {
  const order = ["a", "b", "c", "d"];
  const one = click(nothing, order, "b", { shift: false, toggle: false });
  const range = click(one, order, "d", { shift: true, toggle: false });
  expect([...range.uids]).toEqual(["b", "c", "d"]);
  expect([...click(range, order, "c", { shift: false, toggle: true }).uids]).toEqual(["b", "d"]);
  expect([...click(range, order, "a", { shift: true, toggle: false }).uids]).toEqual(["a", "b"]);
});

test("cells are written by their field", () => {
  expect(formatCell(6720, parseField("duration"), null, 0)).toBe("1 h 52 min");
  expect(formatCell([0.9, 0.999], parseField("params.betas"), null, 0)).toBe("[0.9,0.999]");
  expect(formatCell(0.5, parseField("metrics.acc"), 4, 0)).toBe("0.5000");
  expect(formatCell(null, parseField("metrics.acc"), 4, 0)).toBe("");
});

test("only what is on screen is drawn", () => {
  expect(visibleRows(3000, 600, 30, 10_000, 0)).toEqual({ start: 100, end: 120 });
  const { left, total } = edges(Array<number>(50).fill(100));
  expect(visibleColumns(left, total, 1000, 500, 0)).toEqual({ start: 10, end: 15 });
  expect(visibleColumns([], 0, 0, 500)).toEqual({ start: 0, end: 0 });
});

test("rows that stay on screen are the same objects, in the order of their elements", () => {
  const rows = Array.from({ length: 100 }, (_, n) => ({ n }));
  const placing = new Placing<{ n: number }>();
  const before = placing.place(rows, { start: 10, end: 15 }, 6);
  const after = placing.place(rows, { start: 12, end: 17 }, 6);
  expect(after.map((placed) => placed.index)).toEqual([12, 13, 14, 15, 16]);
  expect(placing.place(rows, { start: 16, end: 19 }, 6).map((placed) => placed.index)).toEqual([18, 16, 17]);
  expect(after[0]).toBe(before.find((placed) => placed.index === 12));
  const others = rows.map((row) => ({ ...row }));
  expect(placing.place(others, { start: 16, end: 19 }, 6)[1]).not.toBe(after[4]);
});
