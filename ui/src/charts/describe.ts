/** What a chart shows, in words. */
import type { Line } from "./lines";

const MOST = 12;

export function describeLines(key: string, lines: readonly Line[], write: (value: number) => string): string {
  const parts = lines
    .filter((line) => !line.faint)
    .slice(0, MOST)
    .map((line) => {
      const finite = line.y.filter(Number.isFinite);
      const last = finite.at(-1);
      if (last === undefined) return `${line.name}: no finite value`;
      const low = finite.reduce((a, b) => Math.min(a, b));
      const high = finite.reduce((a, b) => Math.max(a, b));
      return `${line.name}: last ${write(last)}, min ${write(low)}, max ${write(high)}`;
    });
  const more = lines.length > MOST ? ` and ${lines.length - MOST} more` : "";
  return `${key}. ${parts.join("; ")}${more}`;
}
