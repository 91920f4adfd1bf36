import { expect, test } from "vitest";
import { decodeCurves, encodeCurves } from "./curves";

test("curves come back as they were, with names of any length and values that JSON has not", () => {
  for (const run of ["a", "größer", "abcdefg"]) {
    const curve = {
      run,
      key: "val/loss",
      points: 4,
      n: 4,
      reduced: false,
      nonfinite: { nan: 1, pos: 1, neg: 0 },
      last_step: 3,
      status: "running",
      breaks: [],
      x: Float64Array.of(0, 1, 2, 3),
      y: Float64Array.of(1e-300, NaN, Infinity, -0.5),
    };
    const second = { ...curve, n: 1, x: Float64Array.of(7), y: Float64Array.of(8) };
    const decoded = decodeCurves(encodeCurves([curve, second], [["b", "k"]]));
    expect(decoded.curves).toEqual([curve, second]);
    expect(decoded.missing).toEqual([["b", "k"]]);
  }
});
