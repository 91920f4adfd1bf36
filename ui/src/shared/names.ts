/** Long names: what all share is dropped, and what does not fit goes in the middle, where names seldom differ. */

const BREAK = /[-_/ :=]/;

function commonLength(names: string[], at: (name: string, i: number) => string | undefined): number {
  const [first = ""] = names;
  let length = 0;
  while (length < first.length) {
    const character = at(first, length);
    if (names.some((name) => at(name, length) !== character)) break;
    length += 1;
  }
  return length;
}

/** How many characters at the start and at the end all of `names` share, cut back to whole words. */
export interface SharedEnds {
  start: number;
  end: number;
}

export function sharedEnds(names: string[]): SharedEnds {
  const distinct = [...new Set(names)];
  if (distinct.length < 2) return { start: 0, end: 0 };
  const [first = ""] = distinct;
  const shortest = Math.min(...distinct.map((name) => name.length));
  let start = commonLength(distinct, (name, i) => name[i]);
  while (start > 0 && !BREAK.test(first[start - 1] ?? "")) start -= 1;
  let end = commonLength(distinct, (name, i) => name[name.length - 1 - i]);
  end = Math.min(end, shortest - start - 1);
  while (end > 0 && !BREAK.test(first[first.length - end] ?? "")) end -= 1;
  // A few characters are not worth a riddle.
  return { start: start >= 6 ? start : 0, end: end >= 6 ? end : 0 };
}

/** `name` without what all share, an ellipsis in its place. */
export function dropShared(name: string, shared: { start: number; end: number }): string {
  const middle = name.slice(shared.start, name.length - shared.end);
  return (shared.start ? "…" : "") + middle + (shared.end ? "…" : "");
}

/** At most `most` characters, the middle given up. */
export function middleEllipsis(name: string, most: number): string {
  const characters = [...name];
  if (characters.length <= most) return name;
  const tail = Math.floor((most - 1) / 2);
  return `${characters.slice(0, most - 1 - tail).join("")}…${characters.slice(characters.length - tail).join("")}`;
}

const TAIL = 10;

/** A long name in two: what may be cut, and the end that always stays. */
export function headAndTail(name: string): [string, string] {
  return name.length > 2 * TAIL ? [name.slice(0, -TAIL), name.slice(-TAIL)] : [name, ""];
}
