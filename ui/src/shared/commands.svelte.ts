/** The commands of what is on screen now: each view adds its own while it is there. */
import { untrack } from "svelte";
import type { Command } from "./keys";

class Commands {
  #lists: readonly (readonly Command[])[] = $state.raw([]);
  all: readonly Command[] = $derived(this.#lists.flat());

  /** Adds commands; the returned function takes them away. */
  add(commands: readonly Command[]): () => void {
    untrack(() => {
      this.#lists = [commands, ...this.#lists];
    });
    return () => {
      this.#lists = this.#lists.filter((list) => list !== commands);
    };
  }
}

export const commands = new Commands();
