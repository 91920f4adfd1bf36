import { expect, test } from "vitest";
import type { Artifact } from "../api/types";
import { parseCsv } from "./csv";
import { artifactTree, previewOf } from "./tree";

const artifact = (name: string, size = 1, step: number | null = null, media_type: string | null = null): Artifact =>
  ({ name, size, step, media_type }) as Artifact;

test("folders hold what is below them, and close", () => {
  const all = [artifact("a/b/x.png", 2), artifact("a/y.csv", 3), artifact("z", 1), artifact("a/b/x.png", 2, 10)];
  const rows = artifactTree(all, new Set());
  expect(rows.map((row) => `${"  ".repeat(row.depth)}${row.name} ${row.size}`)).toEqual([
    "a 7",
    "  b 4",
    "    x.png 2",
    "    x.png 2",
    "  y.csv 3",
    "z 1",
  ]);
  expect(artifactTree(all, new Set(["a"])).map((row) => row.name)).toEqual(["a", "z"]);
  expect(artifactTree(all, new Set(["a/b"])).map((row) => row.name)).toEqual(["a", "b", "y.csv", "z"]);
});

test("previews by name, then by type", () => {
  const kinds = ["a.PNG", "b.svg", "c.parquet", "d.yaml", "e.html", "f", "g.bin"].map((name) =>
    previewOf(artifact(name)),
  );
  expect(kinds).toEqual(["image", "image", "parquet", "text", "html", "none", "none"]);
  expect(previewOf(artifact("f", 1, null, "audio/wav"))).toBe("audio");
});

test("CSV with quotes and line breaks", () => {
  expect(parseCsv('a,"b ""c"", d"\r\n"1\n2",\n')).toEqual([
    ["a", 'b "c", d'],
    ["1\n2", ""],
  ]);
  expect(parseCsv("x\ty", "\t")).toEqual([["x", "y"]]);
  expect(parseCsv("")).toEqual([]);
});
