/** Which rows and columns are on screen. Pixels everywhere. */

/** Of a row of the table. */
export const ROW_HEIGHT = 30;

export interface Span {
  /** First and one past the last. */
  start: number;
  end: number;
}

/** Rows of equal height, with some more above and below so that fast scrolling shows no gaps. */
export function visibleRows(scroll: number, height: number, row: number, count: number, extra = 6): Span {
  const start = Math.max(0, Math.floor(scroll / row) - extra);
  return { start, end: Math.min(count, Math.ceil((scroll + height) / row) + extra) };
}

/** Left edges of columns, and the width of all. */
export function edges(widths: readonly number[]): { left: number[]; total: number } {
  let total = 0;
  const left = widths.map((width) => {
    const edge = total;
    total += width;
    return edge;
  });
  return { left, total };
}

export function visibleColumns(
  left: readonly number[],
  total: number,
  scroll: number,
  width: number,
  extra = 160,
): Span {
  const from = scroll - extra;
  const to = scroll + width + extra;
  let start = 0;
  while (start < left.length - 1 && (left[start + 1] ?? total) <= from) start += 1;
  let end = start;
  while (end < left.length && (left[end] ?? total) < to) end += 1;
  return { start, end };
}
