import { expect, test } from "vitest";
import { readLines, readSize } from "./sizes";

test("sizes as people write them", () => {
  expect(["500 MB", "10GB", "1.5 TB", "12", "3k"].map(readSize)).toEqual([5e8, 1e10, 1.5e12, 12, 3000]);
  expect(["", " none "].map(readSize)).toEqual([null, null]);
  expect(["much", "-1", "1e9", "1 PB"].map(readSize)).toEqual([undefined, undefined, undefined, undefined]);
});

test("lines of JSON", () => {
  expect(readLines<{ a: number }>('{"a":1}\n{"a":2}\n')).toEqual([{ a: 1 }, { a: 2 }]);
  expect(readLines("")).toEqual([]);
});
