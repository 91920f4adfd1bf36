/** A terminal's line as pieces of text with their looks: colours (16, 256 and 24 bits), bold, dim, italic, underlined, reversed. */

export interface Piece {
  text: string;
  /** Class names, of console.css. */
  classes: string;
  /** A colour that no class has: `#rrggbb`. */
  colour: string | null;
  background: string | null;
}

interface Look {
  colour: string | null;
  background: string | null;
  flags: ReadonlySet<string>;
}

const NAMES = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];
const FLAGS: Record<number, string> = { 1: "bold", 2: "dim", 3: "italic", 4: "underlined", 7: "reversed", 9: "struck" };
const OFF: Record<number, string[]> = {
  22: ["bold", "dim"],
  23: ["italic"],
  24: ["underlined"],
  27: ["reversed"],
  29: ["struck"],
};
const PLAIN: Look = { colour: null, background: null, flags: new Set() };

/** Of 256: sixteen by name, then a cube of 6 x 6 x 6, then 24 greys. */
function colour256(index: number): string {
  if (index < 16) return NAMES[index % 8] ?? "white";
  const hex = (value: number): string => value.toString(16).padStart(2, "0");
  if (index >= 232) return `#${hex(8 + (index - 232) * 10).repeat(3)}`;
  const cube = index - 16;
  const part = (value: number): string => hex(value === 0 ? 0 : 55 + value * 40);
  return `#${part(Math.floor(cube / 36))}${part(Math.floor(cube / 6) % 6)}${part(cube % 6)}`;
}

/** An extended colour at `at` of the codes, and how many codes it took. */
function extended(codes: readonly number[], at: number): { colour: string | null; taken: number } {
  if (codes[at] === 5) return { colour: colour256(Math.min(255, codes[at + 1] ?? 0)), taken: 2 };
  if (codes[at] !== 2) return { colour: null, taken: 1 };
  const [r = 0, g = 0, b = 0] = codes.slice(at + 1, at + 4).map((value) => Math.min(255, value));
  return { colour: `#${[r, g, b].map((value) => value.toString(16).padStart(2, "0")).join("")}`, taken: 4 };
}

function change(look: Look, codes: readonly number[]): Look {
  let { colour, background } = look;
  let flags = new Set(look.flags);
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i] ?? 0;
    if (code === 0) {
      colour = background = null;
      flags = new Set();
    } else if (FLAGS[code]) flags.add(FLAGS[code]);
    else if (OFF[code]) for (const flag of OFF[code]) flags.delete(flag);
    else if (code === 39) colour = null;
    else if (code === 49) background = null;
    else if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97)) colour = NAMES[code % 10] ?? null;
    else if ((code >= 40 && code <= 47) || (code >= 100 && code <= 107)) background = NAMES[code % 10] ?? null;
    else if (code === 38 || code === 48) {
      const found = extended(codes, i + 1);
      i += found.taken;
      if (code === 38) colour = found.colour;
      else background = found.colour;
    }
  }
  return { colour, background, flags };
}

function piece(text: string, look: Look): Piece {
  const classes = [...look.flags];
  const named = (value: string | null): boolean => value !== null && !value.startsWith("#");
  if (named(look.colour)) classes.push(`fg-${look.colour ?? ""}`);
  if (named(look.background)) classes.push(`bg-${look.background ?? ""}`);
  return {
    text,
    classes: classes.join(" "),
    colour: named(look.colour) ? null : look.colour,
    background: named(look.background) ? null : look.background,
  };
}

// Control sequences; links and titles (OSC); single escapes. Only colours mean something within one line.
const SEQUENCE =
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  /\u001b\[([0-9;:]*)([A-Za-z@`])|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|\u001b[@-_]?|[\u0000-\u0008\u000b-\u001a\u007f]/g;

export function parseAnsi(line: string): Piece[] {
  if (!line.includes("\u001b")) return line ? [piece(line, PLAIN)] : [];
  const pieces: Piece[] = [];
  let look = PLAIN;
  let at = 0;
  for (const match of line.matchAll(SEQUENCE)) {
    if (match.index > at) pieces.push(piece(line.slice(at, match.index), look));
    at = match.index + match[0].length;
    if (match[2] === "m") look = change(look, numbers(match[1] ?? ""));
  }
  if (at < line.length) pieces.push(piece(line.slice(at), look));
  return pieces;
}

const numbers = (parameters: string): number[] => parameters.split(/[;:]/).map(Number);

/** A line whose looks came beside it; without any, what its own escape sequences say. */
export function piecesOf(text: string, looks: readonly (readonly [number, number, string])[]): Piece[] {
  if (looks.length === 0) return parseAnsi(text);
  // Looks count code points, strings code units: they are the same as long as there is no surrogate.
  const characters = /[\ud800-\udfff]/.test(text) ? Array.from(text) : null;
  const cut = (from: number, to?: number): string => characters?.slice(from, to).join("") ?? text.slice(from, to);
  const pieces: Piece[] = [];
  let at = 0;
  for (const [start, end, parameters] of looks) {
    if (start > at) pieces.push(piece(plainText(cut(at, start)), PLAIN));
    pieces.push(piece(plainText(cut(start, end)), change(PLAIN, numbers(parameters))));
    at = end;
  }
  const rest = plainText(cut(at));
  return rest ? [...pieces, piece(rest, PLAIN)] : pieces;
}

/** A line without its looks. */
export function plainText(line: string): string {
  return line.replace(SEQUENCE, "");
}
