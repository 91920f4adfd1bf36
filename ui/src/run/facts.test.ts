import { expect, test } from "vitest";
import type { Run, SeriesFacts } from "../api/types";
import { commandText, failureOf, gitText, paramTree, shellQuote, tiles } from "./facts";

const run = (detail: Run["detail"]): Run => ({ detail, points: 1_204_118, lost: 0 }) as Run;

test("commit, branch and what was changed", () => {
  const git = { commit: "61090d2abcdef", branch: "main", changed: ["a", "b"] };
  expect(gitText(run({ git }))?.text).toBe("61090d2 main, 2 files changed");
  expect(gitText(run({ git: { ...git, changed: [] } }))?.text).toBe("61090d2 main");
  expect(gitText(run({ git: null }))).toBeNull();
});

test("a command can be pasted into a shell", () => {
  expect(commandText(run({ command: ["python", "a b.py", "--x=it's"] }))).toBe(`python 'a b.py' '--x=it'\\''s'`);
  expect(shellQuote("plain-1.0")).toBe("plain-1.0");
  expect(commandText(run({}))).toBeNull();
});

test("wish 1: the best of each metric, with its step, validation first", () => {
  const facts = { min: 0.1, max: 0.9, min_step: 5, max_step: 18400, last: 0.5 } as SeriesFacts;
  const made = tiles(run({}), { "train/loss": facts, "val/acc": facts, lr: facts, "system/x_error": facts });
  expect(made.map((tile) => tile.title)).toEqual(["val/acc, max", "train/loss, min", "points kept"]);
  expect(made[0]?.note).toContain("at step 18");
  expect(made[1]?.value).toBe("0.1000");
});

test("nested params are a tree", () => {
  const rows = paramTree({ b: 1, a: { y: { $number: "NaN" }, x: [1, 2] } });
  expect(rows.map((row) => [row.key, row.depth])).toEqual([
    ["a", 0],
    ["a.y", 1],
    ["a.x", 1],
    ["b", 0],
  ]);
});

test("a failure is told with its message", () => {
  const exit = { exception: "RuntimeError", message: "CUDA out of memory", traceback: "Traceback …" };
  expect(failureOf(run({ exit }))).toEqual({
    title: "RuntimeError",
    message: "CUDA out of memory",
    traceback: "Traceback …",
  });
  expect(failureOf(run({ exit: { exit_code: 3, message: "sys.exit(3)" } }))?.title).toBe("exit code 3");
  expect(failureOf(run({ exit: { exit_code: 0 } }))).toBeNull();
  expect(failureOf(run({}))).toBeNull();
});
