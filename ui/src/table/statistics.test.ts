import { expect, test } from "vitest";
import { spreadOf, studentT95, summarise } from "./statistics";

test("wish 2: mean, standard deviation, interval and count", () => {
  const summary = summarise([2, 4, 4, 4, 5, 5, 7, 9, NaN, null, "x"]);
  expect(summary).toMatchObject({ count: 8, mean: 5, min: 2, max: 9 });
  expect(summary?.std).toBeCloseTo(2.13809, 5);
  if (!summary) throw new Error("no summary");
  expect(spreadOf(summary, "ci")[0]).toBeCloseTo((2.365 * 2.13809) / Math.sqrt(8), 4);
  expect(spreadOf(summary, "range")).toEqual([3, 4]);
  expect(summarise([NaN])).toBeNull();
});

test("one member has no spread", () => {
  const one = summarise([3]);
  if (!one) throw new Error("no summary");
  expect(spreadOf(one, "ci")).toEqual([0, 0]);
});

test("Student's t beyond the table", () => {
  expect(studentT95(40)).toBeCloseTo(2.021, 3);
  expect(studentT95(100)).toBeCloseTo(1.984, 3);
});
