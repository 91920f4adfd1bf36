/** Made-up console lines with colours, progress bars and an error. */
import type { ConsoleLine } from "../src/api/types";

export function consoleLine(n: number, started: number): ConsoleLine {
  const esc = "\u001b";
  const time_ms = started + n * 400;
  if (n % 50 === 17)
    return {
      n,
      stream: "stderr",
      time_ms,
      rewritten: 0,
      looks: [],
      text: `${esc}[33mUserWarning: lr_scheduler.step() before optimizer.step()${esc}[0m`,
    };
  if (n % 400 === 123)
    return {
      n,
      stream: "stderr",
      time_ms,
      rewritten: 0,
      looks: [],
      text: `${esc}[1;31mRuntimeError:${esc}[0m CUDA out of memory`,
    };
  const bar = "━".repeat(20);
  return {
    n,
    stream: "stdout",
    time_ms,
    rewritten: n % 5 === 0 ? 40 : 0,
    looks: [],
    text:
      n % 5 === 0
        ? `epoch ${n}/60 ${esc}[32m${bar}${esc}[0m 100 %  0:01:52`
        : `epoch ${n}/60  loss ${(2 / (n + 1)).toFixed(4)}  acc ${esc}[36m0.9392${esc}[0m  3 405 img/s`,
  };
}
