/** What renames, merges or deletes a tag of many runs. */
import type { Edit } from "../api/types";

/** Of each run with the tag, its value. */
export type TagValues = ReadonlyMap<string, string>;

/** The tag by another name. Where that name is there already the two are merged: a run that has both keeps the value of the other one. */
export function renameEdits(from: string, values: TagValues, to: string, taken: TagValues | undefined): Edit[] {
  const byValue = new Map<string, string[]>();
  const both: string[] = [];
  for (const [uid, value] of values) {
    if (taken?.has(uid)) both.push(uid);
    else byValue.set(value, [...(byValue.get(value) ?? []), uid]);
  }
  const edits: Edit[] = [...byValue].map(([value, runs]) => ({ runs, tags: { [from]: null, [to]: value } }));
  if (both.length) edits.push({ runs: both, tags: { [from]: null } });
  return edits;
}

export function deleteEdits(key: string, values: TagValues): Edit[] {
  return [{ runs: [...values.keys()], tags: { [key]: null } }];
}
