/** Where the columns of the table are, and which of them are on screen. */
import { columnFacts, defaultWidth, type ColumnFacts } from "./columnFacts";
import type { RunData } from "./data";
import { edges, visibleColumns } from "./windowing";

export interface Column {
  id: string;
  index: number;
  left: number;
  width: number;
  facts: ColumnFacts;
}

export interface TableLayout {
  /** Width of the column that stays: the run's name. */
  pin: number;
  total: number;
  visible: Column[];
}

export class Facts {
  #known = new Map<string, ColumnFacts>();
  #data: RunData | null = null;
  #places: readonly number[] | null = null;

  /** Of a column, counted once for the same runs. */
  of(data: RunData, places: readonly number[], id: string): ColumnFacts {
    if (data !== this.#data || places !== this.#places) {
      this.#known.clear();
      this.#data = data;
      this.#places = places;
    }
    let facts = this.#known.get(id);
    if (!facts) {
      facts = columnFacts(data, places, id);
      this.#known.set(id, facts);
    }
    return facts;
  }
}

export function layOut(
  ids: readonly string[],
  widths: Record<string, number>,
  pin: number,
  scroll: number,
  width: number,
  wide: boolean,
  progress: boolean,
  facts: (id: string) => ColumnFacts,
): TableLayout {
  const sizes = ids.map((id) => widths[id] ?? defaultWidth(id, wide, progress));
  const { left, total } = edges(sizes);
  const span = visibleColumns(left, total, scroll, Math.max(0, width - pin));
  const visible = ids.slice(span.start, span.end).map((id, i) => {
    const index = span.start + i;
    return { id, index, left: left[index] ?? 0, width: sizes[index] ?? 0, facts: facts(id) };
  });
  return { pin, total: pin + total, visible };
}
