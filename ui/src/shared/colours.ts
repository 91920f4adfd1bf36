/**
 * A run's colour is a slot: a number whose remainder by eight is the colour and whose quotient is the dash. A run keeps its slot on
 * every page of this browser, and a shared link carries the slots of what it shows.
 */

export const COLOURS = 8;
const DASHES: readonly (readonly number[])[] = [[], [6, 3], [2, 3]];

export function colourName(slot: number): string {
  return `--r${slot % COLOURS}`;
}

export function dash(slot: number): readonly number[] {
  return DASHES[Math.floor(slot / COLOURS) % DASHES.length] ?? [];
}

/**
 * Gives each of `shown` that has no slot yet the lowest one that no other of them has. What has a slot keeps it.
 */
export function assignSlots(known: ReadonlyMap<string, number>, shown: readonly string[]): Map<string, number> {
  const slots = new Map(known);
  const taken = new Set(shown.map((uid) => slots.get(uid)).filter((slot) => slot !== undefined));
  for (const uid of shown) {
    if (slots.has(uid)) continue;
    let slot = 0;
    while (taken.has(slot)) slot += 1;
    slots.set(uid, slot);
    taken.add(slot);
  }
  return slots;
}

/** New slots for `shown` in their order, so that neighbours differ; all others keep theirs. */
export function spreadSlots(known: ReadonlyMap<string, number>, shown: readonly string[]): Map<string, number> {
  const slots = new Map(known);
  shown.forEach((uid, index) => slots.set(uid, index));
  return slots;
}
