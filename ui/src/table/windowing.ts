/** Which rows and columns are on screen. Pixels everywhere. */

/** Of a row of the table. */
export const ROW_HEIGHT = 30;

export interface Span {
  /** First and one past the last. */
  start: number;
  end: number;
}

export interface Placed<Row> {
  row: Row;
  index: number;
}

/**
 * Rows on screen in the order of the elements that they are lent, so that no element is moved within the document. A row that stays is the
 * same object as before: what is drawn of it is not looked at again.
 */
export class Placing<Row> {
  #before = new Map<number, Placed<Row>>();

  place(rows: readonly Row[], span: Span, pool: number): Placed<Row>[] {
    const now = new Map<number, Placed<Row>>();
    for (let index = span.start; index < span.end; index++) {
      const row = rows[index];
      if (row === undefined) continue;
      const known = this.#before.get(index);
      now.set(index, known?.row === row ? known : { row, index });
    }
    this.#before = now;
    return [...now.values()].sort((a, b) => (a.index % pool) - (b.index % pool));
  }
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
