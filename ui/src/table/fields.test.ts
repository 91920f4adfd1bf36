import { expect, test } from "vitest";
import { learn } from "../api/meanings";
import { settingsOf } from "../charts/axes";
import { defaultState } from "../state/workspaceState";
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

test("what runs say of a metric comes before what its name tells", () => {
  learn({ my_error_budget: { best: "max", x: null }, "val/thing": { best: "min", x: "epoch" } });
  expect([lowerIsBetter("my_error_budget"), lowerIsBetter("val/thing"), lowerIsBetter("loss")]).toEqual([
    false,
    true,
    true,
  ]);
  const shared = defaultState().charts;
  expect(settingsOf(shared, "val/thing")).toEqual({ ...shared, x: "metric:epoch", zoom: null });
  expect(settingsOf({ ...shared, x: "time" }, "val/thing").x).toBe("time");
  expect(settingsOf(shared, "loss")).toBe(shared);
});
