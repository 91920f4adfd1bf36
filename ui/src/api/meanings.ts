/** How metrics are meant, as runs said by `define_metric`: the server's answers bring it along. */
import type { Meaning } from "./types";

const known = new Map<string, Meaning>();

/** What an answer says; a later answer has the later word. */
export function learn(definitions: Record<string, Meaning>): void {
  for (const [key, meaning] of Object.entries(definitions)) known.set(key, meaning);
}

export function meaningOf(key: string): Meaning {
  return known.get(key) ?? { best: null, x: null };
}
