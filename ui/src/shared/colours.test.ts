import { expect, test } from "vitest";
import { assignSlots, colourName, dash, spreadSlots } from "./colours";

test("wish 20: a run keeps its colour, whatever comes and goes beside it", () => {
  const first = assignSlots(new Map(), ["a", "b", "c"]);
  const second = assignSlots(first, ["c", "d", "e"]);
  expect(second.get("c")).toBe(2);
  expect(second.get("d")).toBe(0);
  expect(second.get("e")).toBe(1);
});

test("wish 21: the ninth run differs by its dash", () => {
  expect(colourName(8)).toBe(colourName(0));
  expect(dash(8)).not.toEqual(dash(0));
});

test("colours are spread over what is shown", () => {
  expect([...spreadSlots(new Map([["a", 4]]), ["b", "a"])]).toEqual([
    ["a", 1],
    ["b", 0],
  ]);
});
