/** Short messages at the foot of the page, with a way back where there is one. */
import { explain, isAborted } from "../api/problem";

export interface Toast {
  id: number;
  text: string;
  hint: string | null;
  bad: boolean;
  action: { title: string; run: () => void } | null;
}

const SECONDS = 8;

class Toasts {
  list: readonly Toast[] = $state.raw([]);
  #next = 0;

  say(text: string, action: Toast["action"] = null): void {
    this.#add({ text, action, hint: null, bad: false });
  }

  /** Tells of an error; one of giving up is none. */
  fail(error: unknown): void {
    if (isAborted(error)) return;
    const { what, hint } = explain(error);
    this.#add({ text: what, hint, bad: true, action: null });
  }

  #add(toast: Omit<Toast, "id">): void {
    const id = this.#next++;
    this.list = [...this.list.slice(-2), { ...toast, id }];
    setTimeout(() => this.close(id), SECONDS * 1000);
  }

  close(id: number): void {
    this.list = this.list.filter((toast) => toast.id !== id);
  }
}

export const toasts = new Toasts();
