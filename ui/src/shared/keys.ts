/** Keyboard shortcuts: what each key does where, in one list that the help and the palette show. */

export interface Command {
  id: string;
  title: string;
  /** As `KeyboardEvent.key` says it, with `Ctrl+` before; several are alternatives. */
  keys?: string[];
  section: string;
  run: () => void;
  /** Whether it can be done now. */
  when?: () => boolean;
}

export function keyOf(event: KeyboardEvent): string {
  const ctrl = event.ctrlKey || event.metaKey;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const shift = event.shiftKey && event.key.length > 1 ? "Shift+" : "";
  return (ctrl ? "Ctrl+" : "") + (event.altKey ? "Alt+" : "") + shift + key;
}

/** Whether keys belong to what has the focus: someone types. */
export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
}

export function find(commands: readonly Command[], event: KeyboardEvent): Command | undefined {
  const key = keyOf(event);
  if (isTyping(event.target) && !key.startsWith("Ctrl+")) return undefined;
  return commands.find((command) => command.keys?.includes(key) && (command.when?.() ?? true));
}

/** `Ctrl+k` as the help writes it. */
export function keyLabel(key: string): string {
  return key
    .split("+")
    .map((part) => (part.length === 1 ? part.toUpperCase() : part))
    .join(" ");
}

/** How well `text` answers what was typed: all its characters in order; earlier and closer is better; null is not at all. */
export function fuzzy(text: string, typed: string): number | null {
  const low = text.toLowerCase();
  let at = -1;
  let score = 0;
  for (const character of typed.toLowerCase()) {
    if (character === " ") continue;
    const next = low.indexOf(character, at + 1);
    if (next < 0) return null;
    score += next - at - 1;
    at = next;
  }
  return score;
}
