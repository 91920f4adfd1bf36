/**
 * Curves that charts want: fetched in batches for what is on screen, kept, and renewed where runs go on. A zoom fetches finer curves; until
 * they are there the coarse ones are drawn.
 */
import { api } from "../api/client";
import { isAborted, Offline } from "../api/problem";
import type { Curve } from "../api/types";
import { toasts } from "../shared/toasts.svelte";

export interface Want {
  key: string;
  runs: readonly string[];
  x: string;
  zoom: readonly [number, number] | null;
  buckets: number;
}

const KEYS_AT_ONCE = 24;
/** The server's limit of runs times keys. */
const CURVES_AT_ONCE = 20_000;
/** Points that are kept of charts: 16 bytes each. */
const MOST_POINTS = 4_000_000;
const WAIT_MS = 15;

/** At the end of what was asked for a zoom. */
const FINE = "\nfine";

type Kept = Curve | "none";

function idOf(x: string, run: string, key: string): string {
  return `${x}\n${run}\n${key}`;
}

export class CurveStore {
  /** Rises with each answer: who draws from the store reads it. */
  version: number = $state.raw(0);
  #coarse = new Map<string, Kept>();
  #fine = new Map<string, Kept>();
  #fineOf = "";
  #stale = new Set<string>();
  #asked = new Set<string>();
  #queue: Want[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #request = new AbortController();

  /** The finest curve that is here; undefined where it is not known yet, null where the run has no such points. */
  get(want: Pick<Want, "key" | "x" | "zoom">, run: string): Curve | null | undefined {
    const id = idOf(want.x, run, want.key);
    const fine = want.zoom && String(want.zoom) === this.#fineOf ? this.#fine.get(id) : undefined;
    const kept = fine !== undefined && fine !== "none" ? fine : this.#coarse.get(id);
    return kept === "none" ? null : kept;
  }

  want(want: Want): void {
    this.#queue.push(want);
    this.#timer ??= setTimeout(() => this.#send(), WAIT_MS);
  }

  /** New points of these runs: their curves are fetched anew when next wanted. */
  renew(runs: ReadonlySet<string>): void {
    for (const run of runs) this.#stale.add(run);
    for (const id of this.#asked) if (runs.has(id.split("\n")[1] ?? "")) this.#asked.delete(id);
  }

  close(): void {
    this.#request.abort();
    clearTimeout(this.#timer);
  }

  #send(): void {
    this.#timer = undefined;
    const queue = this.#queue;
    this.#queue = [];
    const batches = new Map<string, { want: Want; keys: Set<string> }>();
    for (const want of queue) {
      if (want.zoom && String(want.zoom) !== this.#fineOf) this.#zoomTo(want.zoom);
      const runs = want.runs.filter((run) => this.#claim(want, run));
      if (runs.length === 0) continue;
      const id = `${want.x} ${String(want.zoom)} ${want.buckets} ${runs.join()}`;
      const batch = batches.get(id);
      if (batch) batch.keys.add(want.key);
      else batches.set(id, { want: { ...want, runs }, keys: new Set([want.key]) });
    }
    for (const { want, keys } of batches.values()) {
      const all = [...keys];
      const step = Math.max(1, Math.min(KEYS_AT_ONCE, Math.floor(CURVES_AT_ONCE / want.runs.length)));
      for (let start = 0; start < all.length; start += step) void this.#fetch(want, all.slice(start, start + step));
    }
  }

  #zoomTo(zoom: readonly [number, number]): void {
    this.#fineOf = String(zoom);
    this.#fine.clear();
    for (const id of this.#asked) if (id.endsWith(FINE)) this.#asked.delete(id);
  }

  /** Whether this has to be fetched, and notes that it is. */
  #claim(want: Want, run: string): boolean {
    const id = idOf(want.x, run, want.key);
    const asked = want.zoom ? id + FINE : id;
    if (this.#asked.has(asked)) return false;
    // A line that is complete as it is has nothing finer.
    const coarse = this.#coarse.get(id);
    if (want.zoom && coarse && coarse !== "none" && !coarse.reduced && !this.#stale.has(run)) return false;
    this.#asked.add(asked);
    return true;
  }

  async #fetch(want: Want, keys: string[]): Promise<void> {
    const { x, zoom, buckets } = want;
    const runs = [...want.runs];
    const [low, high] = zoom ?? [null, null];
    try {
      const { curves } = await api.curves({ runs, keys, buckets, x, low, high }, this.#request.signal);
      if (zoom && String(zoom) !== this.#fineOf) return;
      const kept = zoom ? this.#fine : this.#coarse;
      for (const key of keys) for (const run of runs) kept.set(idOf(x, run, key), "none");
      for (const curve of curves) if (curve.n) kept.set(idOf(x, curve.run, curve.key), curve);
      for (const run of runs) this.#stale.delete(run);
      this.#shrink();
      this.version += 1;
    } catch (error) {
      for (const key of keys) for (const run of runs) this.#asked.delete(idOf(x, run, key) + (zoom ? FINE : ""));
      if (!isAborted(error) && !(error instanceof Offline)) toasts.fail(error);
    }
  }

  /** Gives up the oldest curves where there are too many. */
  #shrink(): void {
    let points = 0;
    for (const curve of this.#coarse.values()) points += curve === "none" ? 1 : curve.n;
    for (const [id, curve] of this.#coarse) {
      if (points <= MOST_POINTS) break;
      points -= curve === "none" ? 1 : curve.n;
      this.#coarse.delete(id);
      this.#asked.delete(id);
    }
  }
}
