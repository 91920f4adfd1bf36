import { beforeEach, expect, test, vi } from "vitest";
import { inTurn } from "./turns";

beforeEach(() => vi.useFakeTimers());

test("each is drawn in a turn of its own, in order", () => {
  const drawn: string[] = [];
  for (const name of ["a", "b", "c"]) inTurn(() => drawn.push(name));
  expect(drawn).toEqual([]);
  vi.advanceTimersToNextTimer();
  expect(drawn).toEqual(["a"]);
  vi.runAllTimers();
  expect(drawn).toEqual(["a", "b", "c"]);
  inTurn(() => drawn.push("d"));
  vi.runAllTimers();
  expect(drawn).toEqual(["a", "b", "c", "d"]);
});

test("what is taken back is not drawn, and costs the others nothing", () => {
  const drawn: string[] = [];
  const [first, , last] = ["a", "b", "c"].map((name) => inTurn(() => drawn.push(name)));
  first?.();
  last?.();
  vi.runAllTimers();
  expect(drawn).toEqual(["b"]);
  inTurn(() => drawn.push("d"));
  vi.runAllTimers();
  expect(drawn).toEqual(["b", "d"]);
});

test("one that fails does not keep those behind it", () => {
  const drawn: string[] = [];
  inTurn(() => {
    throw new Error("broken");
  });
  inTurn(() => drawn.push("b"));
  expect(() => vi.runAllTimers()).toThrow("broken");
  vi.runAllTimers();
  expect(drawn).toEqual(["b"]);
});
