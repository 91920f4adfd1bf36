/** The runs that were loaded, column by column. Values are replaced, never changed in place, so that who looks at them is told. */
import type { Cell, TablePage } from "../api/types";
import { fromWire } from "./values";

export class RunData {
  readonly index: ReadonlyMap<string, number>;

  constructor(
    readonly uids: readonly string[] = [],
    readonly columns: ReadonlyMap<string, readonly Cell[]> = new Map(),
  ) {
    this.index = new Map(uids.map((uid, i) => [uid, i]));
  }

  get size(): number {
    return this.uids.length;
  }

  has(field: string): boolean {
    return this.columns.has(field);
  }

  cell(field: string, i: number): Cell {
    return this.columns.get(field)?.[i] ?? null;
  }

  of(uid: string, field: string): Cell {
    const i = this.index.get(uid);
    return i === undefined ? null : this.cell(field, i);
  }

  text(uid: string, field: string): string {
    const cell = this.of(uid, field);
    return typeof cell === "string" ? cell : "";
  }

  /** With the runs of a page added, and those that are known already brought up to date in the page's columns. */
  merge(page: TablePage): RunData {
    const added = page.uids.filter((uid) => !this.index.has(uid));
    const uids = added.length ? [...this.uids, ...added] : this.uids;
    const places = new Map(uids.map((uid, i) => [uid, i]));
    const columns = new Map<string, readonly Cell[]>();
    for (const [field, cells] of this.columns) columns.set(field, pad(cells, uids.length));
    for (const [field, cells] of Object.entries(page.columns)) {
      const column = [...pad(columns.get(field) ?? [], uids.length)];
      const numeric = field.startsWith("metrics.");
      page.uids.forEach((uid, i) => {
        column[places.get(uid) ?? 0] = fromWire(cells[i], numeric);
      });
      columns.set(field, column);
    }
    return new RunData(uids, columns);
  }

  /** Without some runs. */
  without(gone: ReadonlySet<string>): RunData {
    if (!this.uids.some((uid) => gone.has(uid))) return this;
    const keep = this.uids.map((uid) => !gone.has(uid));
    const columns = [...this.columns].map(([field, cells]) => [field, cells.filter((_, i) => keep[i])] as const);
    return new RunData(
      this.uids.filter((_, i) => keep[i]),
      new Map(columns),
    );
  }
}

function pad(cells: readonly Cell[], length: number): readonly Cell[] {
  return cells.length === length ? cells : [...cells, ...Array<Cell>(length - cells.length).fill(null)];
}
