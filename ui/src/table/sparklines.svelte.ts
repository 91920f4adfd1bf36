/** The small lines in the table: fetched for the rows that are on screen, a batch at a time, and kept. */
import { api } from "../api/client";
import { isAborted } from "../api/problem";
import { toasts } from "../shared/toasts.svelte";

const WIDTH = 76;
const HEIGHT = 18;
const BATCH = 200;
/** So long nothing new was to be seen: who scrolls through thousands of runs does not ask for all of them. */
const REST_MS = 60;

export class Sparklines {
  /** By key and uid: the `d` of an SVG path, "" where there is no line. */
  paths: ReadonlyMap<string, string> = $state.raw(new Map());
  #wanted = new Map<string, string[]>();
  #asked = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  static readonly width = WIDTH;
  static readonly height = HEIGHT;

  /** The runs that are on screen now: those that were wanted before and have left are not fetched any more. */
  want(key: string, uids: readonly string[]): void {
    const missing = uids.filter((uid) => !this.#asked.has(`${key} ${uid}`));
    if (missing.length) this.#wanted.set(key, missing);
    else this.#wanted.delete(key);
    clearTimeout(this.#timer);
    if (this.#wanted.size) this.#timer = setTimeout(() => void this.#fetch(), REST_MS);
  }

  /** Forgets the lines of runs that have new points; what is drawn stays until the new line is there. */
  renew(uids: ReadonlySet<string>): void {
    for (const id of this.#asked) if (uids.has(id.slice(id.lastIndexOf(" ") + 1))) this.#asked.delete(id);
  }

  async #fetch(): Promise<void> {
    const wanted = [...this.#wanted];
    this.#wanted.clear();
    for (const [key, uids] of wanted) for (const uid of uids) this.#asked.add(`${key} ${uid}`);
    for (const [key, uids] of wanted)
      for (let start = 0; start < uids.length; start += BATCH) await this.#batch(key, uids.slice(start, start + BATCH));
  }

  async #batch(key: string, uids: string[]): Promise<void> {
    try {
      const { curves } = await api.sparklines(uids, key);
      const paths = new Map(this.paths);
      for (const curve of curves) paths.set(`${key} ${curve.run}`, path(curve.x, curve.y));
      this.paths = paths;
    } catch (error) {
      if (!isAborted(error)) toasts.fail(error);
    }
  }
}

/** The line scaled into its cell; gaps where values are not finite. */
export function path(x: Float64Array, y: Float64Array): string {
  let low = Infinity;
  let high = -Infinity;
  for (const value of y) {
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low > high) return "";
  const first = x[0] ?? 0;
  const wide = (x.at(-1) ?? 0) - first || 1;
  const tall = high - low || 1;
  let text = "";
  let pen = "M";
  for (let i = 0; i < y.length; i++) {
    const value = y[i] ?? NaN;
    if (!Number.isFinite(value)) {
      pen = "M";
      continue;
    }
    const px = 1 + (((x[i] ?? 0) - first) / wide) * (WIDTH - 2);
    const py = HEIGHT - 2 - ((value - low) / tall) * (HEIGHT - 4);
    text += `${pen}${px.toFixed(1)} ${py.toFixed(1)}`;
    pen = "L";
  }
  return text;
}
