import { toasts } from "./toasts.svelte";

/** Copies and says so; where the browser does not allow it (plain http from afar), says that. */
export async function copy(text: string, what: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toasts.say(`${what} copied`);
  } catch (error) {
    if (!(error instanceof DOMException || error instanceof TypeError)) throw error;
    toasts.fail(new Error("The browser does not let this page copy. Select the text and copy it yourself."));
  }
}
