/** The workspace's commands, for keys, palette and help. */
import { copy } from "../shared/clipboard";
import type { Command } from "../shared/keys";
import type { Smoothing, XAxis } from "../state/workspaceState";
import { nothing } from "../table/selection";
import { parseField } from "../table/fields";
import { editRuns } from "./editing";
import type { Workspace } from "./workspace.svelte";

interface Hands {
  key: (name: string) => unknown;
  remove: () => void;
}

export function workspaceCommands(workspace: Workspace, hands: Hands): Command[] {
  const some = (): boolean => workspace.selection.uids.size > 0;
  const at = (): boolean => workspace.cursor !== null;
  const table = (id: string, title: string, keys: string[], name: string, when?: () => boolean): Command => ({
    id,
    title,
    keys,
    section: "Runs",
    run: () => hands.key(name),
    ...(when ? { when } : {}),
  });
  const layout = (name: "table" | "split" | "charts", key: string): Command => ({
    id: `layout-${name}`,
    title: `Show ${name === "split" ? "table and charts" : name === "table" ? "the table alone" : "charts alone"}`,
    keys: [key],
    section: "Workspace",
    run: () => workspace.set({ layout: name }),
  });
  const x = (value: XAxis, title: string): Command => ({
    id: `x-${value}`,
    title: `Charts: x by ${title}`,
    section: "Charts",
    run: () => workspace.setCharts({ x: value, zoom: null }),
  });
  const smooth = (smoothing: Smoothing, amount: number, title: string): Command => ({
    id: `smooth-${smoothing}`,
    title: `Charts: ${title}`,
    section: "Charts",
    run: () => workspace.setCharts({ smoothing, amount }),
  });
  return [
    table("down", "Next run", ["j"], "j"),
    table("up", "Run before", ["k"], "k"),
    table("select", "Select or not", ["x"], "x", at),
    table("curves", "Show or hide its curves", ["v"], "v", at),
    table("pin", "Pin or unpin", ["p"], "p", at),
    table("edit", "Edit its name", ["e"], "e", at),
    table("open", "Open the run", ["o"], "Enter", at),
    {
      id: "compare",
      title: "Only the selected runs on charts",
      keys: ["c"],
      section: "Runs",
      when: some,
      run: () => workspace.set({ shown: { kind: "only", uids: [...workspace.selection.uids] }, hidden: [] }),
    },
    {
      id: "select-all",
      title: "Select all runs",
      keys: ["Ctrl+a"],
      section: "Runs",
      run: () => (workspace.selection = { uids: new Set(workspace.order), anchor: null }),
    },
    {
      id: "select-none",
      title: "Select nothing",
      keys: ["Escape"],
      section: "Runs",
      when: some,
      run: () => (workspace.selection = nothing),
    },
    {
      id: "archive",
      title: "Archive the selected runs",
      keys: ["a"],
      section: "Runs",
      when: some,
      run: () => {
        void editRuns(workspace, { runs: [...workspace.selection.uids], archived: true }, "Archived");
        workspace.selection = nothing;
      },
    },
    {
      id: "delete",
      title: "Delete the selected runs",
      keys: ["Delete"],
      section: "Runs",
      when: some,
      run: hands.remove,
    },
    layout("table", "1"),
    layout("split", "2"),
    layout("charts", "3"),
    {
      id: "link",
      title: "Copy a link to exactly this view",
      section: "Workspace",
      run: () => void copy(location.href, "Link"),
    },
    {
      id: "seeds",
      title: "Group by seed",
      section: "Workspace",
      when: () => workspace.known.includes("params.seed"),
      run: () => workspace.set({ group: ["params.seed"] }),
    },
    {
      id: "ungroup",
      title: "No groups",
      section: "Workspace",
      when: () => workspace.state.group.length > 0,
      run: () => workspace.set({ group: [] }),
    },
    ...workspace.known
      .filter((id) => id.startsWith("params."))
      .slice(0, 200)
      .map((id) => ({
        id: `group-${id}`,
        title: `Group by ${parseField(id).title}`,
        section: "Workspace",
        run: () => workspace.set({ group: [id] }),
      })),
    {
      id: "reset-zoom",
      title: "Charts: whole range",
      keys: ["0"],
      section: "Charts",
      when: () => workspace.state.charts.zoom !== null,
      run: () => workspace.setCharts({ zoom: null }),
    },
    {
      id: "log",
      title: "Charts: logarithmic y",
      keys: ["l"],
      section: "Charts",
      run: () => workspace.setCharts({ logY: !workspace.state.charts.logY }),
    },
    {
      id: "clip",
      title: "Charts: clip outliers",
      keys: ["i"],
      section: "Charts",
      run: () => workspace.setCharts({ clipOutliers: !workspace.state.charts.clipOutliers }),
    },
    x("step", "step"),
    x("relative", "time since the start"),
    x("active", "active time"),
    x("time", "wall time"),
    smooth("none", 0.6, "no smoothing"),
    smooth("ema", 0.6, "smooth by exponential average"),
    smooth("gaussian", 10, "smooth by a Gaussian"),
    smooth("mean", 10, "smooth by a running mean"),
  ];
}
