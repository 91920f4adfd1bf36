import { describe, expect, test } from "vitest";
import * as f from "./format";

const plain = (text: string): string => text.replaceAll("\u2009", " ").replaceAll("\u2212", "-");

describe("numbers", () => {
  test.each([
    [0, "0"],
    [0.94312, "0.9431"],
    [1284, "1284"],
    [1204118, "1 204 118"],
    [1e-300, "1e-300"],
    [-0.000012345, "-1.23e-5"],
    [123456.789, "123 457"],
    [2.5e7 + 0.5, "2.5e7"],
    [NaN, "NaN"],
    [-Infinity, "-∞"],
  ])("%f is %s", (value, text) => expect(plain(f.formatNumber(value))).toBe(text));

  test("a param keeps its digits", () => {
    expect(plain(f.formatExact(0.0003))).toBe("0.0003");
    expect(plain(f.formatExact(1e-7))).toBe("1e-7");
    expect(plain(f.formatExact(0.00012535770815341743))).toBe("1.2535770815341743e-4");
    expect(plain(f.formatExact(65536))).toBe("65 536");
  });

  test("a column has one number of decimals, unless that would hide a value", () => {
    expect(f.columnDecimals([0.9, 0.85, NaN])).toBe(4);
    expect(f.columnDecimals([120.5, 80])).toBe(1);
    expect(f.columnDecimals([1, 1e-6])).toBeNull();
    expect(f.columnDecimals([NaN])).toBeNull();
    expect(plain(f.formatInColumn(-0.5, 3))).toBe("-0.500");
    expect(plain(f.formatDelta(-0.02, 3))).toBe("-0.020");
  });

  test("axis", () =>
    expect([0, 5000, 15000, 2.5e6, 0.55].map(f.formatAxis)).toEqual(["0", "5000", "15k", "2.5M", "0.55"]));
});

test("durations and sizes", () => {
  expect([0.25, 4, 41, 150, 1320, 6720, 273600].map(f.formatDuration)).toEqual([
    "250 ms",
    "4.0 s",
    "41 s",
    "2 min 30 s",
    "22 min",
    "1 h 52 min",
    "3 d 4 h",
  ]);
  expect([12, 4200, 61_000_000, 999_600].map(f.formatBytes)).toEqual(["12 B", "4.2 kB", "61 MB", "1.0 MB"]);
});

test("times in a zone, and how long ago", () => {
  f.setTimeZone("Europe/Berlin");
  const noon = Date.UTC(2026, 10, 28, 12);
  expect(f.formatTime(noon)).toBe("2026-11-28 13:00:00");
  expect(f.formatAgo(noon - 30_000, noon)).toBe("just now");
  expect(f.formatAgo(noon - 8 * 60_000, noon)).toBe("8 min ago");
  expect(f.formatAgo(noon - 86_400_000, noon)).toBe("yesterday 13:00");
  expect(f.formatAgo(noon - 40 * 86_400_000, noon)).toBe("2026-10-19");
  f.setTimeZone(undefined);
});
