import { expect, test } from "vitest";
import { dropShared, middleEllipsis, sharedEnds } from "./names";

test("wish 9: long names lose what all share, at whole words", () => {
  const names = ["resnet50-imagenet-lr-0.1-seed-1-final", "resnet50-imagenet-lr-0.01-seed-2-final"];
  const shared = sharedEnds(names);
  expect(names.map((name) => dropShared(name, shared))).toEqual(["…0.1-seed-1…", "…0.01-seed-2…"]);
});

test("names of one kind, short ones and single ones stay whole", () => {
  expect(sharedEnds(["same", "same"])).toEqual({ start: 0, end: 0 });
  expect(sharedEnds(["run-1", "run-2"])).toEqual({ start: 0, end: 0 });
  expect(sharedEnds(["alone"])).toEqual({ start: 0, end: 0 });
});

test("the middle is given up, not the end", () => {
  expect(middleEllipsis("abcdefghij", 7)).toBe("abc…hij");
  expect(middleEllipsis("short", 7)).toBe("short");
});
