import { expect, test } from "vitest";
import type { Resource } from "../api/types";
import { heatRange, laneLines, outlierOf, resourceName, togetherLine } from "./resources";

function made(means: (number | null)[][], resource = "system/gpu/*/utilization_percent"): Resource {
  const columns = means[0]?.map((_, i) => means.flatMap((lane) => lane[i] ?? [])) ?? [];
  return {
    resource,
    keys: [],
    lanes: means.map((_, i) => `gpu ${i}`),
    x: columns.map((_, i) => i),
    mean: means,
    low: columns.map((values) => (values.length ? Math.min(...values) : null)),
    high: columns.map((values) => (values.length ? Math.max(...values) : null)),
  };
}

test("wish 42: a line between the least and the greatest of all lanes, counted where they are", () => {
  const line = togetherLine(made([[10, 20], [30, null], [20, 40]])); // prettier-ignore
  expect([...line.y]).toEqual([20, 30]);
  expect([...(line.low ?? [])]).toEqual([10, 20]);
  expect([...(line.high ?? [])]).toEqual([30, 40]);
  expect([...(line.count ?? [])]).toEqual([3, 2]);
  expect(togetherLine(made([[null], [null]])).y[0]).toBeNaN();
  expect(laneLines(made([[1], [2]])).map((lane) => [lane.name, lane.y[0]])).toEqual([["gpu 0", 1], ["gpu 1", 2]]); // prettier-ignore
});

test("wish 42: the lane that is out of the ordinary is named, and none where all are alike", () => {
  expect(outlierOf(made([[96], [95], [97], [12], [96]]))).toEqual({ lane: "gpu 3", mean: 12, others: 96 });
  expect(outlierOf(made([[96], [90], [97], [93]]))).toBeNull();
  expect(outlierOf(made([[96], [12]]))).toBeNull();
  expect(outlierOf(made([[5], [5], [5]]))).toBeNull();
  expect(outlierOf(made([[5], [null], [5]]))).toBeNull();
});

test("a resource is called by its name and unit", () => {
  expect(resourceName("system/gpu/*/utilization_percent")).toEqual({ name: "gpu/utilization", unit: "%" });
  expect(resourceName("system/load_1min")).toEqual({ name: "load_1min", unit: "" });
  expect(heatRange(made([[5, 9]]))).toEqual([0, 100]);
  expect(heatRange(made([[5, 9], [7, null]], "system/load_1min"))).toEqual([5, 9]); // prettier-ignore
});
