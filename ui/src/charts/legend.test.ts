import { expect, test } from "vitest";
import { fillTemplate, inOrder, moved, templateFields } from "./legend";

const values: Record<string, string> = { name: "a", "params.lr": "0.1", "params.odd} key": "7" };
const read = (field: string): string => values[field] ?? "–";

test("a template is filled with fields of the run", () => {
  expect(fillTemplate("{name} lr={params.lr}", read)).toBe("a lr=0.1");
  expect(fillTemplate("{ params.lr }/{`params.odd} key`}/{params.none}", read)).toBe("0.1/7/–");
});

test("what is no field stays as it is written", () => {
  expect(fillTemplate("{nmae} {} {curve.loss} {params.} {", read)).toBe("{nmae} {} {curve.loss} {params.} {");
  expect(templateFields("{nmae} {params.} {constructor} {name} {name} {metrics.loss:min}")).toEqual([
    "name",
    "metrics.loss:min",
  ]);
});

test("an order by hand goes before the table's", () => {
  expect(inOrder(["a", "b", "c", "d"], ["c", "gone", "a"], (id) => id)).toEqual(["c", "a", "b", "d"]);
  expect(moved(["a", "b", "c"], "a", "c")).toEqual(["b", "c", "a"]);
  expect(moved(["a", "b", "c"], "c", "a")).toEqual(["c", "a", "b"]);
  expect(moved(["a", "b"], "a", "a")).toBeNull();
  expect(moved(["a", "b"], "x", "a")).toBeNull();
});
