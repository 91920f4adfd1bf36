/** Errors as the server tells them (application/problem+json), and its absence. */

export interface ProblemBody {
  title?: string;
  status?: number;
  detail?: string;
  field?: string;
  value?: unknown;
  position?: number;
  hint?: string;
  request_id?: string;
}

/** The server answered, and refused. */
export class Problem extends Error {
  override readonly name = "Problem";

  constructor(
    readonly status: number,
    readonly body: ProblemBody,
  ) {
    super(body.detail ?? body.title ?? `The server answered ${status}.`);
  }

  get hint(): string | null {
    return this.body.hint ?? null;
  }
}

/** Nobody answered: the server is stopped, or the network is gone. */
export class Offline extends Error {
  override readonly name = "Offline";

  constructor() {
    super("The server does not answer.");
  }
}

/** A request that was given up because its answer is no longer wanted. */
export function isAborted(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

/** What to tell the user about an error. */
export function explain(error: unknown): { what: string; hint: string | null } {
  if (error instanceof Problem) return { what: error.message, hint: error.hint };
  if (error instanceof Offline)
    return { what: error.message, hint: "What is shown stays; the page tries again by itself." };
  return { what: error instanceof Error ? error.message : String(error), hint: null };
}
