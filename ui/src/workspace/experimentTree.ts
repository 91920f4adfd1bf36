/** Experiments as a tree by path. A folder stands for all below it, by the glob `folder/**`. */
import type { Experiment } from "../api/types";

export interface ExperimentNode {
  title: string;
  /** What choosing it asks for: a name, or a glob. */
  pattern: string;
  depth: number;
  own: boolean;
  runs: number;
  running: number;
  updated: number;
}

/** A name in which no character is a glob's. */
export function escapeGlob(name: string): string {
  return name.replace(/[*?[]/g, "[$&]");
}

export function experimentTree(experiments: readonly Experiment[]): ExperimentNode[] {
  const folders = new Map<string, ExperimentNode>();
  const nodes = new Map<string, ExperimentNode>();
  const sorted = [...experiments].sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const experiment of sorted) {
    const parts = experiment.name.split("/");
    const running = experiment.statuses["running"] ?? 0;
    for (let depth = 0; depth < parts.length - 1; depth++) {
      const path = parts.slice(0, depth + 1).join("/");
      let folder = folders.get(path);
      if (!folder) {
        const pattern = `${escapeGlob(path)}/**`;
        folder = { title: `${parts[depth] ?? ""}/`, pattern, depth, own: false, runs: 0, running: 0, updated: 0 };
        folders.set(path, folder);
        nodes.set(pattern, folder);
      }
      folder.runs += experiment.runs;
      folder.running += running;
      folder.updated = Math.max(folder.updated, experiment.updated_ms);
    }
    const pattern = escapeGlob(experiment.name);
    const title = parts.at(-1) ?? "";
    const own = {
      title,
      pattern,
      depth: parts.length - 1,
      own: true,
      runs: experiment.runs,
      running,
      updated: experiment.updated_ms,
    };
    nodes.set(`${pattern}\u0000`, own);
  }
  return [...nodes.values()];
}

/** A pattern as people read it. */
export function patternTitle(pattern: string | null): string {
  if (pattern === null) return "All experiments";
  return pattern.replace(/\[(.)\]/g, "$1");
}
