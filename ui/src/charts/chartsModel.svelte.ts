/** What all charts of a pane share: whose curves, the cursor's readings, the zoom. A workspace and a run's page each have one. */
import type { Curve } from "../api/types";
import type { ChartSettings } from "../state/workspaceState";
import { settingsOf } from "./axes";
import type { CurveStore } from "./curveStore.svelte";
import { groupLines, runLine, type Line } from "./lines";
import type { Range } from "./ranges";
import type { Reading } from "./reading";

export interface ChartRun {
  uid: string;
  name: string;
  slot: number;
}

export interface ChartGroup {
  id: string;
  name: string;
  slot: number;
  members: readonly string[];
}

export interface Hover {
  key: string;
  x: number;
  left: number;
  top: number;
  readings: Reading[];
  nearest: string | null;
}

export interface ChartSource {
  runs: readonly ChartRun[];
  /** Lines are these groups instead; null where nothing is grouped. */
  groups: readonly ChartGroup[] | null;
  settings: ChartSettings;
  zoom: (range: Range | null) => void;
}

/** Waits a moment before a tooltip comes, so that nothing flickers on the way elsewhere. */
const HOVER_MS = 60;
/** Of many lines each needs fewer points. */
function bucketsFor(lines: number): number | null {
  if (lines > 200) return 50;
  return lines > 60 ? 120 : null;
}

export class ChartsModel {
  hovered: Hover | null = $state.raw(null);
  held: boolean = $state.raw(false);
  /** The line that others step back for. */
  focus: string | null = $state.raw(null);
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly store: CurveStore,
    readonly source: () => ChartSource,
  ) {}

  #members(): readonly string[] {
    const { groups, runs } = this.source();
    return groups ? groups.flatMap((group) => group.members) : runs.map((run) => run.uid);
  }

  want(key: string, buckets: number): void {
    const runs = this.#members();
    if (runs.length === 0) return;
    const { x, zoom } = settingsOf(this.source().settings, key);
    this.store.want({
      key,
      runs,
      x,
      zoom,
      buckets: bucketsFor(runs.length) ?? (zoom ? Math.max(800, buckets) : buckets),
    });
  }

  /** The lines of a key; null while nothing of it is known. */
  linesOf(key: string): Line[] | null {
    void this.store.version;
    const { groups, runs } = this.source();
    const settings = settingsOf(this.source().settings, key);
    const want = { key, x: settings.x, zoom: settings.zoom };
    let unknown = 0;
    const curveOf = (uid: string): Curve | null => {
      const curve = this.store.get(want, uid);
      if (curve === undefined) unknown += 1;
      return curve ?? null;
    };
    const lines: Line[] = [];
    if (groups)
      for (const group of groups) {
        const before = unknown;
        const curves = group.members.map(curveOf).filter((curve) => curve !== null);
        // A mean of those members that happen to be here already would be a wrong one.
        if (curves.length && unknown === before) lines.push(...groupLines({ ...group, curves }, settings));
      }
    else
      for (const run of runs) {
        const curve = curveOf(run.uid);
        if (curve) lines.push(runLine(curve, run.name, run.slot, settings));
      }
    return lines.length === 0 && unknown > 0 ? null : lines;
  }

  zoom(range: Range | null): void {
    this.source().zoom(range);
  }

  hover(at: Hover | null): void {
    if (this.held) return;
    clearTimeout(this.#timer);
    if (at === null || this.hovered) this.#show(at);
    else this.#timer = setTimeout(() => this.#show(at), HOVER_MS);
  }

  #show(at: Hover | null): void {
    this.hovered = at;
    if (at === null) this.focus = null;
  }

  /** A click keeps the tooltip where it is until the next click elsewhere. */
  hold(): void {
    if (this.hovered) this.held = true;
  }

  release(): void {
    this.held = false;
    this.#show(null);
  }
}
