import { expect, test } from "vitest";
import { deleteEdits, renameEdits } from "./tagEdits";

const values = new Map([
  ["a", "ana"],
  ["b", "bo"],
  ["c", "ana"],
]);

test("wish 8: a tag is renamed with its values, in as few changes as there are values", () => {
  expect(renameEdits("owner", values, "who", undefined)).toEqual([
    { runs: ["a", "c"], tags: { owner: null, who: "ana" } },
    { runs: ["b"], tags: { owner: null, who: "bo" } },
  ]);
});

test("wish 8: merged into another tag, no value of that one is lost", () => {
  expect(renameEdits("owner", values, "who", new Map([["a", "zoe"]]))).toEqual([
    { runs: ["b"], tags: { owner: null, who: "bo" } },
    { runs: ["c"], tags: { owner: null, who: "ana" } },
    { runs: ["a"], tags: { owner: null } },
  ]);
  expect(deleteEdits("owner", values)).toEqual([{ runs: ["a", "b", "c"], tags: { owner: null } }]);
});
