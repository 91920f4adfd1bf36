/** Numbers of bytes as people write them: "500 MB", "10GB". */

const UNITS: Record<string, number> = { "": 1, K: 1e3, M: 1e6, G: 1e9, T: 1e12 };

/** The number of bytes; null for nothing or "none"; undefined where it is neither. */
export function readSize(text: string): number | null | undefined {
  const plain = text.trim();
  if (plain === "" || plain.toLowerCase() === "none") return null;
  const found = /^(\d+(?:\.\d+)?)\s*([kmgt]?)b?$/i.exec(plain);
  if (!found) return undefined;
  return Math.round(Number(found[1]) * (UNITS[(found[2] ?? "").toUpperCase()] ?? 1));
}

/** The lines of a text in which each is JSON. */
export function readLines<Item>(text: string): Item[] {
  return text
    .split("\n")
    .filter((line) => line)
    .map((line) => JSON.parse(line) as Item);
}
