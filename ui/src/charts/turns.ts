/**
 * Charts are drawn one after the other, each in a turn of its own. Twenty of them take half a second: between them a click is
 * answered, and a zoom has asked for finer curves long before the last chart is drawn.
 */
const waiting = new Set<() => void>();
let timer: ReturnType<typeof setTimeout> | undefined;

function next(): void {
  timer = undefined;
  const [draw] = waiting;
  if (!draw) return;
  waiting.delete(draw);
  timer = waiting.size ? setTimeout(next) : undefined;
  draw();
}

/** Draws when it is this one's turn, unless that is taken back by calling what is returned. */
export function inTurn(draw: () => void): () => void {
  waiting.add(draw);
  timer ??= setTimeout(next);
  return () => void waiting.delete(draw);
}
