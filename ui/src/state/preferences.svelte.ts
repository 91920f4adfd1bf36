/** What belongs to the person at this browser and not to a link: theme, time zone, runs' colours. Kept in local storage. */
import { assignSlots, spreadSlots } from "../shared/colours";
import { setTimeZone } from "../shared/format";

export type Theme = "light" | "dark" | "system";

const MOST_COLOURS = 5000;

function load(name: string): string | null {
  return localStorage.getItem(`runlore.${name}`);
}

function store(name: string, value: string | null): void {
  if (value === null) localStorage.removeItem(`runlore.${name}`);
  else localStorage.setItem(`runlore.${name}`, value);
}

function loadSlots(): Map<string, number> {
  const text = load("colours");
  return new Map(text ? (JSON.parse(text) as [string, number][]) : []);
}

const system = matchMedia("(prefers-color-scheme: dark)");

class Preferences {
  theme: Theme = $state.raw((load("theme") as Theme | null) ?? "system");
  dark: boolean = $state.raw(document.documentElement.dataset["theme"] === "dark");
  zone: string | null = $state.raw(load("zone"));
  hover: boolean = $state.raw(load("hover") !== "off");
  slots: ReadonlyMap<string, number> = $state.raw(loadSlots());

  constructor() {
    setTimeZone(this.zone ?? undefined);
    system.addEventListener("change", () => this.#apply());
  }

  setTheme(theme: Theme): void {
    this.theme = theme;
    store("theme", theme === "system" ? null : theme);
    this.#apply();
  }

  #apply(): void {
    this.dark = this.theme === "system" ? system.matches : this.theme === "dark";
    document.documentElement.dataset["theme"] = this.dark ? "dark" : "light";
  }

  setZone(zone: string | null): void {
    setTimeZone(zone ?? undefined);
    this.zone = zone;
    store("zone", zone);
  }

  setHover(on: boolean): void {
    this.hover = on;
    store("hover", on ? null : "off");
  }

  /** Gives colours to those of `shown` that have none yet. */
  colour(shown: readonly string[]): void {
    if (shown.every((uid) => this.slots.has(uid))) return;
    this.#keep(assignSlots(this.slots, shown));
  }

  spread(shown: readonly string[]): void {
    this.#keep(spreadSlots(this.slots, shown));
  }

  setSlot(uid: string, slot: number): void {
    this.#keep(new Map(this.slots).set(uid, slot));
  }

  #keep(slots: Map<string, number>): void {
    this.slots = slots;
    store("colours", JSON.stringify([...slots].slice(-MOST_COLOURS)));
  }
}

export const preferences = new Preferences();
