/** What changes on the server while one looks: a stream of events that comes back by itself. */
import { api } from "./client";

export interface LiveHandlers {
  /** Runs that gained something since the last call. */
  changed: (uids: string[]) => void;
  /** More changed than can be told. */
  reset: () => void;
  /** Whether the server is heard. */
  heard: (connected: boolean) => void;
}

/**
 * Listens until the returned function is called. It asks for what changed since ever, so that the first event says that from now on nothing
 * is missed, and what changed between loading and listening is told too.
 */
export function listen(experiment: string | null, handlers: LiveHandlers): () => void {
  const source = new EventSource(api.liveUrl(experiment));
  source.addEventListener("open", () => handlers.heard(true));
  source.addEventListener("error", () => handlers.heard(false));
  source.addEventListener("runs", (event) => {
    const { uids } = JSON.parse((event as MessageEvent<string>).data) as { uids: string[] };
    handlers.changed(uids);
  });
  source.addEventListener("reset", () => handlers.reset());
  return () => source.close();
}
