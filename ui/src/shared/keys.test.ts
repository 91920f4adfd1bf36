import { expect, test } from "vitest";
import { fuzzy, keyLabel } from "./keys";

test("what was typed is found in order, and closer is better", () => {
  expect(fuzzy("Group by optimizer", "gbo")).not.toBeNull();
  expect(fuzzy("Group", "x")).toBeNull();
  expect(fuzzy("Copy link", "copy")).toBeLessThan(fuzzy("Choose a pretty colour", "copy") ?? Infinity);
  expect(keyLabel("Ctrl+k")).toBe("Ctrl K");
});
