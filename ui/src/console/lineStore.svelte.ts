/**
 * The lines of a console, a chunk at a time: those that are on screen are fetched, a million others are not. Here they are counted from 0;
 * on the wire, as people do, from 1.
 */
import { api } from "../api/client";
import { isAborted } from "../api/problem";
import type { ConsoleLine } from "../api/types";
import { toasts } from "../shared/toasts.svelte";

const CHUNK = 500;
const MOST_CHUNKS = 60;
const TAIL = 200;

export class LineStore {
  total: number = $state.raw(0);
  ended: boolean = $state.raw(false);
  loaded: boolean = $state.raw(false);
  /** Rises with each answer. */
  version: number = $state.raw(0);
  #chunks = new Map<number, ConsoleLine[]>();
  #asked = new Set<number>();
  #request = new AbortController();

  constructor(
    readonly uid: string,
    readonly stream: () => string,
    readonly history: () => boolean,
  ) {}

  line(n: number): ConsoleLine | undefined {
    return this.#chunks.get(Math.floor(n / CHUNK))?.[n % CHUNK];
  }

  /** Forgets all, and begins with the end. */
  async restart(): Promise<void> {
    this.close();
    this.#request = new AbortController();
    this.#chunks.clear();
    this.#asked.clear();
    await this.refresh();
    this.loaded = true;
  }

  /** The newest lines, and how many there are. */
  async refresh(): Promise<void> {
    try {
      const page = await api.console(this.uid, { ...this.#parameters(), tail: TAIL }, this.#request.signal);
      const from = Math.floor(Math.max(0, page.total - TAIL) / CHUNK);
      // Chunks that were not full, or may have been rewritten, are fetched anew.
      for (
        let chunk = Math.min(from, Math.floor(this.total / CHUNK));
        chunk <= Math.floor(page.total / CHUNK);
        chunk++
      ) {
        this.#asked.delete(chunk);
      }
      this.total = page.total;
      this.ended = page.ended;
      this.version += 1;
    } catch (error) {
      if (!isAborted(error)) toasts.fail(error);
    }
  }

  want(start: number, end: number): void {
    for (let chunk = Math.floor(start / CHUNK); chunk <= Math.floor(Math.max(start, end - 1) / CHUNK); chunk++)
      if (!this.#asked.has(chunk) && chunk * CHUNK < this.total) {
        this.#asked.add(chunk);
        void this.#fetch(chunk);
      }
  }

  #parameters(): Record<string, string | number | undefined> {
    return { stream: this.stream() || undefined, history: this.history() ? 1 : undefined };
  }

  async #fetch(chunk: number): Promise<void> {
    try {
      const page = await api.console(
        this.uid,
        { ...this.#parameters(), from: chunk * CHUNK + 1, limit: CHUNK },
        this.#request.signal,
      );
      this.#chunks.delete(chunk);
      this.#chunks.set(chunk, page.lines);
      for (const old of this.#chunks.keys()) {
        if (this.#chunks.size <= MOST_CHUNKS) break;
        this.#chunks.delete(old);
        this.#asked.delete(old);
      }
      this.version += 1;
    } catch (error) {
      this.#asked.delete(chunk);
      if (!isAborted(error)) toasts.fail(error);
    }
  }

  close(): void {
    this.#request.abort();
  }
}
