/** One run: its facts, brought up to date while it goes on. */
import { api } from "../api/client";
import { listen } from "../api/live";
import { explain, isAborted, Offline } from "../api/problem";
import type { Run, SeriesFacts } from "../api/types";
import { toasts } from "../shared/toasts.svelte";

export class RunModel {
  run: Run | null = $state.raw(null);
  series: Record<string, SeriesFacts> = $state.raw({});
  error: { what: string; hint: string | null } | null = $state.raw(null);
  /** Rises when the run gained something. */
  fresh: number = $state.raw(0);
  #request = new AbortController();
  #busy = false;

  constructor(readonly id: string) {}

  /** Loads and listens until the returned function is called. */
  start(): () => void {
    let stop: () => void = () => undefined;
    void this.load().then(() => {
      const { run } = this;
      if (run?.open && !this.#request.signal.aborted)
        stop = listen(run.experiment, {
          changed: (uids) => uids.includes(run.uid) && void this.#again(),
          reset: () => void this.#again(),
          heard: () => undefined,
        });
    });
    return () => {
      this.#request.abort();
      stop();
    };
  }

  async #again(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    await this.load();
    this.fresh += 1;
    this.#busy = false;
  }

  async load(): Promise<void> {
    try {
      const [run, series] = await Promise.all([
        api.run(this.id, this.#request.signal),
        api.metrics(this.id, this.#request.signal),
      ]);
      this.run = run;
      this.series = series;
      this.error = null;
    } catch (error) {
      if (isAborted(error)) return;
      // What is shown stays: a server that is away for a moment takes nothing from the screen.
      if (this.run === null) this.error = explain(error);
      else if (!(error instanceof Offline)) toasts.fail(error);
    }
  }
}
