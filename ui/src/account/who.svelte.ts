/** Who is signed in, as the server says; null where it has no accounts, or does not answer. */
import { api } from "../api/client";
import { isAborted } from "../api/problem";

class Who {
  name: string | null = $state(null);

  /** Asks the server. That it does not answer is said by the workspace. */
  async load(signal: AbortSignal): Promise<void> {
    try {
      const info = await api.info(signal);
      this.name = info.accounts ? (info.user?.name ?? null) : null;
    } catch (error) {
      if (!isAborted(error)) this.name = null;
    }
  }
}

export const who = new Who();
