import { toasts } from "../shared/toasts.svelte";

/** Does something, and says so or says why not; whether it was done. */
export async function act(task: () => Promise<unknown>, done: string): Promise<boolean> {
  try {
    await task();
  } catch (error) {
    toasts.fail(error);
    return false;
  }
  if (done) toasts.say(done);
  return true;
}
