/** Which completions to show where, and what becomes of the text when one is taken. */
import type { Completion, Completions } from "../api/types";

export interface Taken {
  text: string;
  /** Where the caret goes. */
  position: number;
}

/** The text with a completion in place of what it completes. Words are followed by a blank, unless one is there. */
export function take(text: string, completions: Completions, option: Completion): Taken {
  const after = text.slice(completions.to);
  const blank = option.kind === "function" || after.startsWith(" ") ? "" : " ";
  const head = text.slice(0, completions.from) + option.text + blank;
  return { text: head + after, position: head.length };
}

export interface Piece {
  text: string;
  kind: "field" | "value" | "operator" | "word" | "plain";
}

const TOKENS =
  /(`[^`]*`|'[^']*'|"[^"]*")|((?:metrics|params|tags|attributes|metric|param|tag)\.(?:`[^`]*`|"[^"]*"|[^\s(),=<>!&|]+))|(\b(?:and|or|not|in|between|like|ilike|contains|matches|is|null|nan|true|false)\b)|([<>=!&|]+|[(),])|([^\s(),=<>!&|]+)|(\s+)/giy;

/** The text in pieces, for colouring alone: what it means is the server's business. */
export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  TOKENS.lastIndex = 0;
  let at = 0;
  for (let match = TOKENS.exec(text); match; match = TOKENS.exec(text)) {
    const [all, quoted, field, word, operator, other] = match;
    let kind: Piece["kind"] = "plain";
    if (field) kind = "field";
    else if (word) kind = "word";
    else if (operator) kind = "operator";
    else if (quoted || (other && /^[-+\d.]/.test(other))) kind = "value";
    else if (other) kind = found.some((piece) => piece.kind === "operator") ? "value" : "field";
    found.push({ text: all, kind });
    at = TOKENS.lastIndex;
  }
  if (at < text.length) found.push({ text: text.slice(at), kind: "plain" });
  return found;
}

/**
 * Plain words are no query of the language: they look for runs by name. `cosine` becomes `name ilike '%cosine%'`.
 */
export function asSearch(text: string): string | null {
  const plain = text.trim();
  if (!plain || /[<>=!()`'"&|]|\b(and|or|not|in|between|like|ilike|contains|matches|is)\b/i.test(plain)) return null;
  const escaped = plain.replace(/[\\%_]/g, "\\$&");
  return `name ilike '%${escaped}%'`;
}
