import { expect, test } from "vitest";
import { asSearch, pieces, take } from "./completing";

test("a completion takes the place of what it completes", () => {
  const option = { text: "metrics.val/acc", kind: "field", detail: null };
  expect(take("val > 3", { from: 0, to: 3, options: [option] }, option)).toEqual({
    text: "metrics.val/acc > 3",
    position: 15,
  });
  expect(take("va", { from: 0, to: 2, options: [option] }, option)).toEqual({ text: "metrics.val/acc ", position: 16 });
});

test("pieces for colouring hold the whole text", () => {
  const text = "metrics.val/acc > 0.85 and params.`a b` in ('adamw', 'sgd') and";
  const found = pieces(text);
  expect(found.map((piece) => piece.text).join("")).toBe(text);
  expect(found[0]).toEqual({ text: "metrics.val/acc", kind: "field" });
  expect(found.find((piece) => piece.text === "0.85")?.kind).toBe("value");
  expect(
    pieces("'unclosed ")
      .map((piece) => piece.text)
      .join(""),
  ).toBe("'unclosed ");
});

test("wish 4: plain words look for names", () => {
  expect(asSearch("cosine_large")).toBe("name ilike '%cosine\\_large%'");
  expect(asSearch("a = 1")).toBeNull();
  expect(asSearch("status in (failed)")).toBeNull();
  expect(asSearch("  ")).toBeNull();
});
