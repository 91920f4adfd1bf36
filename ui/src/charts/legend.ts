/** How lines are called and in what order they stand: a template of fields, and an order made by hand. */
import { ATTRIBUTES, parseField } from "../table/fields";

/** A field in braces; a key may have braces of its own inside back ticks. */
const PLACE = /\{(?:`([^`]+)`|([^{}`]+))\}/g;

/** Whether runs have such a field: anything else in braces is left as it is written, so that a slip is seen. */
function isField(id: string): boolean {
  const { kind, key } = parseField(id);
  return kind === "attribute" ? id === "name" || Object.hasOwn(ATTRIBUTES, id) : kind !== "curve" && key !== "";
}

/** The fields that a template names, each once. */
export function templateFields(template: string): string[] {
  const found = [...template.matchAll(PLACE)].map((match) => (match[1] ?? match[2] ?? "").trim());
  return [...new Set(found)].filter(isField);
}

/** The template with values in it: `{name} lr={params.lr}`. */
export function fillTemplate(template: string, read: (field: string) => string): string {
  return template.replace(PLACE, (whole, quoted?: string, plain?: string) => {
    const field = (quoted ?? plain ?? "").trim();
    return isField(field) ? read(field) : whole;
  });
}

/** Those that have a place by hand first, in that order; the others behind as they were. */
export function inOrder<Item>(items: readonly Item[], order: readonly string[], id: (item: Item) => string): Item[] {
  const place = new Map(order.map((one, i) => [one, i]));
  const of = (item: Item): number => place.get(id(item)) ?? order.length;
  return order.length === 0 ? [...items] : [...items].sort((a, b) => of(a) - of(b));
}

/** The ids after one was moved to where another stands; null where that changes nothing. */
export function moved(ids: readonly string[], from: string, to: string): string[] | null {
  const at = ids.indexOf(to);
  if (from === to || at < 0 || !ids.includes(from)) return null;
  const rest = ids.filter((id) => id !== from);
  return [...rest.slice(0, at), from, ...rest.slice(at)];
}
