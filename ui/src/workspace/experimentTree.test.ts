import { expect, test } from "vitest";
import { experimentTree, patternTitle } from "./experimentTree";

test("experiments by path, with sums of what is below", () => {
  const one = (name: string, runs: number) => ({ name, runs, statuses: { running: 1 }, updated_ms: runs });
  const tree = experimentTree([one("vision/b", 2), one("vision/a", 3), one("vision", 1), one("x[1]", 1)]);
  expect(tree.map((node) => [node.pattern, node.depth, node.runs])).toEqual([
    ["vision", 0, 1],
    ["vision/**", 0, 5],
    ["vision/a", 1, 3],
    ["vision/b", 1, 2],
    ["x[[]1]", 0, 1],
  ]);
  expect(patternTitle("x[[]1]")).toBe("x[1]");
  expect(patternTitle(null)).toBe("All experiments");
});
