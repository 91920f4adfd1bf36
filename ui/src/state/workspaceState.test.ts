import { expect, test } from "vitest";
import { defaultState, readState, writeState, type WorkspaceState } from "./workspaceState";

test("a plain workspace has a plain address", () => {
  expect(writeState(defaultState())).toBe("");
  expect(readState("")).toEqual(defaultState());
});

test("wishes 16 and 25: everything survives the address, with names of any characters", () => {
  const state: WorkspaceState = {
    ...defaultState(),
    experiment: "vision/größe & co",
    query: "metrics.`val loss` < 0.1 and params.a = 'x,y~z'",
    sort: [
      { field: "metrics.acc,top~1:max", descending: true },
      { field: "started", descending: false },
    ],
    columns: ["status", "params.a,b", "metrics.loss@min(val,loss)"],
    widths: { "params.a=b": 140 },
    group: ["params.optimizer"],
    collapsed: ["adam~w"],
    shown: { kind: "only", uids: ["a1", "b2"] },
    hidden: ["c3"],
    pinned: ["a1"],
    baseline: "a1",
    added: ["d4"],
    heat: false,
    legend: "{name} lr={params.lr}, {tags.a~b}",
    order: ["b2", "group:a,b"],
    trash: true,
    layout: "charts",
    divider: 30,
    charts: {
      x: "metric:epoch, fractional",
      unit: "min",
      logX: true,
      logY: true,
      smoothing: "gaussian",
      amount: 12,
      clipOutliers: true,
      spread: "std",
      members: true,
      keys: "/^val/",
      zoom: [-1.5, 2e9],
      enlarged: "val/loss",
      columns: 3,
    },
  };
  expect(readState(`?${writeState(state)}`)).toEqual(state);
});

test("no columns is not the same as the ones chosen by default", () => {
  expect(readState("columns=").columns).toEqual([]);
  expect(readState("").columns).toBeNull();
});

test("what cannot be read is left at its default", () => {
  const state = readState("layout=round&divider=wide&zoom=5~2&smooth=magic-9&shown=top-x&x=colour&across=9");
  expect(state).toEqual(defaultState());
  expect(readState("smooth=ema-7").charts.amount).toBe(0.999);
});
