import { expect, test } from "vitest";
import { parseAnsi, piecesOf, plainText } from "./ansi";

const ESC = "\u001b";

test("wish 40: colours by name, of 256 and of 24 bits", () => {
  const pieces = parseAnsi(`a${ESC}[1;31mred${ESC}[0m ${ESC}[38;5;208mo${ESC}[38;2;1;2;3mt${ESC}[39m.`);
  expect(pieces.map((piece) => [piece.text, piece.classes, piece.colour])).toEqual([
    ["a", "", null],
    ["red", "bold fg-red", null],
    [" ", "", null],
    ["o", "", "#ff8700"],
    ["t", "", "#010203"],
    [".", "", null],
  ]);
});

test("wish 40: looks that came beside the text, counted in characters", () => {
  const pieces = piecesOf("🎉 red end", [
    [0, 1, "1"],
    [2, 5, "38;5;208;4"],
  ]);
  expect(pieces.map((piece) => [piece.text, piece.classes, piece.colour])).toEqual([
    ["🎉", "bold", null],
    [" ", "", null],
    ["red", "underlined", "#ff8700"],
    [" end", "", null],
  ]);
  expect(piecesOf(`${ESC}[31mx`, [])).toEqual(parseAnsi(`${ESC}[31mx`));
});

test("what is no colour leaves no trace", () => {
  const line = `${ESC}[2K${ESC}]0;title\u0007x${ESC}[?25l`.replace("[?25l", "[1Ay");
  expect(plainText(line)).toBe("xy");
  expect(parseAnsi("")).toEqual([]);
  expect(parseAnsi("<b>&")).toEqual([{ text: "<b>&", classes: "", colour: null, background: null }]);
});
