import { expect, test } from "vitest";
import { lowerIsBetter, parseField, toLanguage } from "./fields";

test("wish 1: a metric by last, min, max or at the best of another, and what it is called", () => {
  expect(parseField("metrics.val/acc")).toMatchObject({ kind: "metric", key: "val/acc", note: "last" });
  expect(parseField("metrics.val/acc:max")).toMatchObject({ key: "val/acc", note: "max" });
  expect(parseField("metrics.a:b")).toMatchObject({ key: "a:b", note: "last" });
  expect(parseField("metrics.acc@min(val (x))")).toMatchObject({ key: "acc", note: "at min of val (x)" });
  expect(parseField("params.a.b")).toMatchObject({ kind: "param", key: "a.b" });
  expect(parseField("started")).toMatchObject({ kind: "attribute", title: "Started", format: "time" });
});

test("fields in the query language", () => {
  expect(toLanguage("metrics.val loss:min")).toBe("min(metrics.`val loss`)");
  expect(toLanguage("params.it`s")).toBe("params.`it``s`");
  expect(toLanguage("curve.loss")).toBeNull();
});

test("which way is better", () => {
  expect([lowerIsBetter("val/loss"), lowerIsBetter("top1_acc"), lowerIsBetter("lr")]).toEqual([true, false, null]);
});
