import { describe, expect, test } from "vitest";
import type { Curve } from "../api/types";
import { defaultState } from "../state/workspaceState";
import { formatTicks, formatX, increments, VALUES } from "./axes";
import { makeBand } from "./bands";
import { describeLines } from "./describe";
import { toCsv } from "./download";
import { groupLines, runLine, type Line } from "./lines";
import { trace } from "./paint";
import { chooseScale, linearBelow, padded, placer, xRange, yFacts } from "./ranges";
import { around, nearestIndex, readAt } from "./reading";
import { keyFilter, packLines, sectionsOf } from "./sections";
import { ema, gaussian, runningMean, smooth } from "./smoothing";

const settings = defaultState().charts;

function curve(run: string, x: number[], y: number[]): Curve {
  return {
    run,
    key: "loss",
    points: x.length,
    n: x.length,
    reduced: false,
    nonfinite: { nan: y.filter(Number.isNaN).length, pos: 0, neg: 0 },
    last_step: x.at(-1) ?? null,
    status: "succeeded",
    breaks: [],
    x: Float64Array.from(x),
    y: Float64Array.from(y),
  };
}

function line(run: string, x: number[], y: number[]): Line {
  return runLine(curve(run, x, y), run, 0, settings);
}

describe("wish 15: smoothing", () => {
  test("is off unless chosen", () => expect(smooth(Float64Array.of(1, 2), "none", 0.9)).toBeNull());

  test("a constant stays one, from its first point", () => {
    const flat = new Float64Array(50).fill(3);
    for (const method of [ema(flat, 0.9), gaussian(flat, 5), runningMean(flat, 7)])
      for (const value of method) expect(value).toBeCloseTo(3, 12);
  });

  test("the exponential average is free of the bias to its start", () => {
    expect([...ema(Float64Array.of(10, 0), 0.5)]).toEqual([10, (0.25 * 10) / 0.75]);
  });

  test("points that are not finite stay as they are and do not spread", () => {
    const y = Float64Array.of(1, NaN, 1, Infinity, 1);
    for (const out of [ema(y, 0.9), gaussian(y, 2), runningMean(y, 3)])
      expect([...out]).toEqual([1, NaN, 1, Infinity, 1]);
  });

  test("a line fetched at half the points is smoothed alike", () => {
    const full = Float64Array.from({ length: 400 }, (_, i) => Math.sin(i / 40));
    const half = full.filter((_, i) => i % 2 === 0);
    const a = ema(full, 0.95);
    const b = ema(half, 0.95, 2);
    expect(b[150] ?? NaN).toBeCloseTo(a[300] ?? NaN, 1);
  });
});

describe("ranges", () => {
  test("wish 31: a logarithm falls back to a symmetric one, and counts why", () => {
    const facts = yFacts([line("a", [0, 1, 2], [-1, 0, 100])], null, false);
    if (!facts) throw new Error("no facts");
    expect(chooseScale(true, facts)).toBe("symlog");
    expect(facts.notPositive).toBe(2);
    const place = placer("symlog", facts.range, linearBelow(facts));
    expect([place(-1), place(100)]).toEqual([0, 1]);
    expect(place(0)).toBeGreaterThan(0);
  });

  test("outliers are clipped and counted, and only where wished", () => {
    const y = Array.from({ length: 100 }, (_, i) => (i === 50 ? 1000 : i / 100));
    const lines = [
      line(
        "a",
        y.map((_, i) => i),
        y,
      ),
    ];
    expect(yFacts(lines, null, false)?.range[1]).toBe(1000);
    const clipped = yFacts(lines, null, true);
    expect(clipped?.above).toBe(1);
    expect(clipped?.range[1]).toBeLessThan(2);
  });

  test("the extremes of the points behind a smoothed line are in range", () => {
    const spike = runLine(curve("a", [0, 1, 2, 3], [0, 0, 9, 0]), "a", 0, {
      ...settings,
      smoothing: "ema",
      amount: 0.9,
    });
    expect(yFacts([spike], null, false)?.range).toEqual([0, 9]);
  });

  test("a single point and nothing at all have ranges too", () => {
    expect(xRange([line("a", [5], [1])])).toEqual([4.5, 5.5]);
    expect(xRange([])).toBeNull();
    expect(yFacts([line("a", [1], [NaN])], null, false)).toBeNull();
    expect(padded([2, 2], "linear")).toEqual([1.8, 2.2]);
    expect(padded([0, 10], "linear")[0]).toBe(0);
  });
});

describe("groups", () => {
  test("wish 2: mean and band at each x, of those that are there", () => {
    const band = makeBand([curve("a", [0, 1, 2], [1, 2, 3]), curve("b", [0, 1], [3, 4])], "range");
    expect([...band.mean]).toEqual([2, 3, 3]);
    expect([...band.low]).toEqual([1, 2, 3]);
    expect([...band.high]).toEqual([3, 4, 3]);
    expect([...band.count]).toEqual([2, 2, 1]);
  });

  test("members with other steps are read between their points", () => {
    const band = makeBand([curve("a", [0, 10], [0, 10]), curve("b", [0, 3, 10], [0, 3, 10])], "std");
    band.x.forEach((x, i) => expect(band.mean[i]).toBeCloseTo(x, 9));
  });

  test("members are drawn faintly where wished", () => {
    const group = { id: "g", name: "g", slot: 1, curves: [curve("a", [0, 1], [1, 2])] };
    expect(groupLines(group, settings)).toHaveLength(1);
    expect(groupLines(group, { ...settings, members: true }).map((one) => one.faint)).toEqual([true, false]);
  });
});

describe("reading", () => {
  test("wish 18: largest first, NaN last, the nearest in the middle of what is shown", () => {
    const lines = [
      line("a", [0, 1], [1, 1]),
      line("b", [0, 1], [NaN, NaN]),
      line("c", [0, 1], [3, 3]),
      line("d", [5, 6], [9, 9]),
    ];
    expect(readAt(lines, 0.6, 0.1).map((reading) => reading.line.id)).toEqual(["c", "a", "b"]);
    const many = Array.from({ length: 30 }, (_, i) => line(`r${i}`, [0], [30 - i]));
    const shown = around(readAt(many, 0, 1), "r20", 5).map((reading) => reading.line.id);
    expect(shown).toEqual(["r18", "r19", "r20", "r21", "r22"]);
  });

  test("the nearest point", () => {
    const x = Float64Array.of(0, 10, 20, 30);
    expect([-5, 4, 6, 24, 99].map((at) => nearestIndex(x, at))).toEqual([0, 0, 1, 2, 3]);
    expect(nearestIndex(new Float64Array(), 1)).toBe(-1);
  });
});

test("wish 14: a spike of one point is drawn, a gap where values are not finite", () => {
  const calls: string[] = [];
  const sink = {
    moveTo: (x: number, y: number) => calls.push(`M${x},${y}`),
    lineTo: (x: number, y: number) => calls.push(`L${x},${y}`),
  };
  const same = (value: number): number => value;
  trace(Float64Array.of(0, 1, 2, 3, 4), Float64Array.of(0, 9, 0, NaN, 5), [0, 4], same, same, sink);
  expect(calls).toEqual(["M0,0", "L1,9", "L2,0", "M4,5", "L4,5"]);
});

test("sections by prefix: validation first, system last", () => {
  const sections = sectionsOf(["system/cpu", "train/loss", "loss", "val/acc", "train/a10", "train/a9"]);
  expect(sections.map((section) => section.title)).toEqual(["val", "", "train", "system"]);
  expect(sections[2]?.keys).toEqual(["train/a9", "train/a10", "train/loss"]);
});

test("small sections share a line, large and folded ones have their own", () => {
  const sections = sectionsOf(["val/a", "val/b", "loss", "train/a", "train/b", "train/c", "x/a", "y/a"]);
  const titles = (columns: number, folded: string[] = []): string[][] =>
    packLines(sections, columns, new Set(folded)).map((line) => line.map((section) => section.title));
  expect(titles(4)).toEqual([["val", ""], ["train", "x"], ["y"]]);
  expect(titles(1)).toEqual([["val"], [""], ["train"], ["x"], ["y"]]);
  expect(titles(4, ["val"])).toEqual([["val"], ["", "train"], ["x", "y"]]);
});

test("keys are found by text, by its absence, and by regular expression", () => {
  const find = (text: string): string[] => ["val/loss", "val/acc", "train/loss"].filter(keyFilter(text).test);
  expect(find("loss !train")).toEqual(["val/loss"]);
  expect(find("/^val/")).toEqual(["val/loss", "val/acc"]);
  expect(keyFilter("/(/").error).toMatch(/nterminated|nclosed|roup/);
});

test("ticks of one axis are alike", () => {
  expect(formatTicks(VALUES, [0, 5000, 10000, 15000], 5000)).toEqual(["0", "5k", "10k", "15k"]);
  expect(formatTicks(VALUES, [3400, 3425], 25)).toEqual(["3400", "3425"]);
  expect(formatTicks({ x: "relative", unit: null }, [0, 3600], 3600)).toEqual(["0", "1 h"]);
});

test("a chart in words and as CSV", () => {
  const lines = [line('a "b"', [0, 1], [1, 2])];
  expect(describeLines("loss", lines, String)).toBe('loss. a "b": last 2, min 1, max 2');
  expect(toCsv(lines, "step")).toBe('run,step,value\n"a ""b""",0,1\n"a ""b""",1,2\n');
});

test("durations are counted in the unit that was chosen", () => {
  const hours = { x: "active", unit: "h" } as const;
  expect(formatTicks(hours, [0, 1800, 90_000], 1800)).toEqual(["0", "0.5 h", "25 h"]);
  expect(formatX(hours, 5400)).toBe("1.5 h of active time");
  expect(increments(hours)).toContain(0.5 * 3600);
  expect(formatX({ x: "step", unit: "h" }, 3600)).toBe("step 3\u2009600");
});
