/** Cells as they are compared and written. */
import type { Cell } from "../api/types";
import {
  formatAgo,
  formatCount,
  formatDuration,
  formatExact,
  formatInColumn,
  formatNumber,
  formatShare,
} from "../shared/format";
import type { Field } from "./fields";

const NAMED: Record<string, number> = { NaN: NaN, Infinity: Infinity, "-Infinity": -Infinity };

/** Numbers that JSON has not become numbers: by name in places for numbers, as `{"$number": name}` in params. */
export function fromWire(cell: Cell | undefined, numeric: boolean): Cell {
  if (cell === undefined) return null;
  if (numeric && typeof cell === "string") return NAMED[cell] ?? cell;
  if (cell !== null && typeof cell === "object" && !Array.isArray(cell)) {
    const name = cell["$number"];
    if (typeof name === "string" && Object.keys(cell).length === 1) return NAMED[name] ?? cell;
  }
  return cell;
}

/** 0 numbers, 1 text and all else, 2 NaN, 3 missing: so they come, in either direction of sorting. */
function rank(cell: Cell): number {
  if (cell === null) return 3;
  if (typeof cell === "number") return Number.isNaN(cell) ? 2 : 0;
  return 1;
}

export function cellText(cell: Cell): string {
  if (cell === null) return "";
  if (typeof cell === "string") return cell;
  return typeof cell === "object" ? JSON.stringify(cell) : String(cell);
}

const collator = new Intl.Collator(undefined, { numeric: true });

/** Wish 3: numbers as numbers, then text; NaN and missing at the bottom whichever way. */
export function compareCells(a: Cell, b: Cell, descending: boolean): number {
  const kind = rank(a);
  const difference = kind - rank(b);
  if (difference) return difference;
  if (kind >= 2) return 0;
  const order = kind === 0 ? (a as number) - (b as number) || 0 : collator.compare(cellText(a), cellText(b));
  return descending ? -order : order;
}

/** A cell as it stands in the table. */
export function formatCell(cell: Cell, field: Field, decimals: number | null, now: number): string {
  if (cell === null) return "";
  if (typeof cell === "number") {
    switch (field.format) {
      case "time":
        return formatAgo(cell, now);
      case "duration":
        return formatDuration(cell);
      case "share":
        return formatShare(cell);
      case "count":
        return formatCount(cell);
      case "number":
        return formatInColumn(cell, decimals);
      default: {
        // A drawn learning rate has sixteen digits, of which a table needs a few; all are in its title.
        const exact = formatExact(cell);
        return exact.length > 9 && !Number.isInteger(cell) ? formatNumber(cell, 4) : exact;
      }
    }
  }
  return cellText(cell);
}
