/** Changes of runs, each with its way back. */
import { api } from "../api/client";
import type { Edit } from "../api/types";
import { formatCount } from "../shared/format";
import { toasts } from "../shared/toasts.svelte";
import type { Workspace } from "./workspace.svelte";

export function runsText(count: number): string {
  return count === 1 ? "1 run" : `${formatCount(count)} runs`;
}

/** Sends a change, says what was done, and offers to take it back. */
export async function applyEdit(
  edit: Edit | { edits: Edit[] },
  done: string,
  after: () => Promise<void>,
): Promise<void> {
  try {
    const answer = await api.edit(edit);
    await after();
    toasts.say(`${done} ${runsText(answer.changed)}`, {
      title: "Undo",
      run: () => {
        api
          .edit(answer.undo)
          .then(after)
          .then(() => toasts.say("Undone"))
          .catch((error: unknown) => toasts.fail(error));
      },
    });
  } catch (error) {
    toasts.fail(error);
  }
}

export function editRuns(workspace: Workspace, edit: Edit, done: string): Promise<void> {
  return applyEdit(edit, done, () => workspace.load());
}
