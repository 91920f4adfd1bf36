/** Selecting runs as lists of files do: click, Ctrl-click, Shift-click. */

export interface Selection {
  uids: ReadonlySet<string>;
  /** Where a range starts. */
  anchor: string | null;
}

export const nothing: Selection = { uids: new Set(), anchor: null };

export function click(
  selection: Selection,
  order: readonly string[],
  uid: string,
  keys: { shift: boolean; toggle: boolean },
): Selection {
  const from = selection.anchor === null ? -1 : order.indexOf(selection.anchor);
  const to = order.indexOf(uid);
  if (keys.shift && from >= 0 && to >= 0) {
    const range = order.slice(Math.min(from, to), Math.max(from, to) + 1);
    return { uids: new Set(keys.toggle ? [...selection.uids, ...range] : range), anchor: selection.anchor };
  }
  if (keys.toggle) {
    const uids = new Set(selection.uids);
    if (!uids.delete(uid)) uids.add(uid);
    return { uids, anchor: uid };
  }
  return { uids: new Set([uid]), anchor: uid };
}
