/**
 * The workspace: what the address says, the runs that answer it, and what follows from both. The components read it and call its
 * methods; nothing else holds state that outlives them.
 */
import { api } from "../api/client";
import { explain, isAborted, Offline } from "../api/problem";
import { listen } from "../api/live";
import type { TablePage } from "../api/types";
import { preferences } from "../state/preferences.svelte";
import { navigation } from "../state/navigation.svelte";
import { readState, writeState, type ChartSettings, type SortKey, type WorkspaceState } from "../state/workspaceState";
import { defaultColumns } from "../table/columns";
import { RunData } from "../table/data";
import { templateFields } from "../charts/legend";
import { parseField } from "../table/fields";
import { makeRows, type GroupRow, type RunRow } from "../table/rows";
import { formatCell } from "../table/values";
import { nothing, type Selection } from "../table/selection";
import { toasts } from "../shared/toasts.svelte";
import { ALWAYS, fetchByUid, fetchChanged, fetchFirst, fetchRecent, fetchRest } from "./loading";

/** As many as there are colours that are told apart at a glance. */
const MOST_GROUPS = 8;
/** More runs than this are not asked for by name. */
const MOST_TOLD = 2000;
const WAIT_BEFORE_RETRY_MS = 3000;

export class Workspace {
  state: WorkspaceState = $state.raw(readState(navigation.search));
  data: RunData = $state.raw(new RunData());
  /** uids that answer the query; pinned and added ones are in the data besides. */
  matching: ReadonlySet<string> = $state.raw(new Set());
  /** All fields that the first runs have. */
  known: readonly string[] = $state.raw([]);
  /** The first runs with everything that they have: says which of them have which metric. */
  head: RunData = $state.raw(new RunData());
  /** Keys of metrics of all runs of the experiment. */
  keys: readonly string[] = $state.raw([]);
  defaults: readonly string[] = $state.raw([]);
  total: number | null = $state.raw(null);
  hints: readonly string[] = $state.raw([]);
  loading: boolean = $state.raw(true);
  loaded: boolean = $state.raw(false);
  error: { what: string; hint: string | null } | null = $state.raw(null);
  connected: boolean = $state.raw(true);
  paused: boolean = $state.raw(false);
  updated: number = $state.raw(Date.now());
  selection: Selection = $state.raw(nothing);
  /** The run that keys act on. */
  cursor: string | null = $state.raw(null);
  /** Rises when curves have new points, with the runs that have them. */
  fresh: { at: number; uids: ReadonlySet<string> } = $state.raw({ at: 0, uids: new Set() });

  columns: readonly string[] = $derived(this.state.columns ?? this.defaults);
  #extra: ReadonlySet<string> = $derived(
    new Set([...this.state.added, ...this.state.pinned, ...(this.state.baseline ? [this.state.baseline] : [])]),
  );
  /** Archived runs are out of the way until they are asked for. */
  #withArchived: boolean = $derived(this.state.trash || /\barchived\b|\bis_archived\b/.test(this.state.query));
  archived: number = $derived.by(() => {
    if (this.#withArchived) return 0;
    const column = this.data.columns.get("archived") ?? [];
    return this.data.uids.filter((uid, i) => column[i] === true && this.matching.has(uid)).length;
  });
  places: readonly number[] = $derived.by(() => {
    const added = new Set(this.state.added);
    const archived = this.#withArchived ? [] : (this.data.columns.get("archived") ?? []);
    const places: number[] = [];
    this.data.uids.forEach((uid, i) => {
      if (added.has(uid) || (this.matching.has(uid) && archived[i] !== true)) places.push(i);
    });
    return places;
  });
  pinned: readonly string[] = $derived([
    ...new Set([...(this.state.baseline ? [this.state.baseline] : []), ...this.state.pinned]),
  ]);
  rows = $derived(
    makeRows({
      data: this.data,
      places: this.places,
      sort: this.state.sort,
      group: this.state.group,
      collapsed: new Set(this.state.collapsed),
      pinned: this.pinned,
    }),
  );
  /** The groups that have lines on charts: the first innermost ones; null where nothing is grouped. */
  leaves: readonly GroupRow[] | null = $derived(
    this.state.group.length ? this.rows.filter((row): row is GroupRow => row.kind === "group" && row.leaf) : null,
  );
  drawnGroups: readonly GroupRow[] | null = $derived(this.leaves?.slice(0, MOST_GROUPS) ?? null);
  /** The runs of the table in its order, each once, those in closed groups too. */
  order: readonly string[] = $derived.by(() => {
    const rows = this.state.collapsed.length
      ? makeRows({
          data: this.data,
          places: this.places,
          sort: this.state.sort,
          group: this.state.group,
          collapsed: new Set(),
          pinned: this.pinned,
        })
      : this.rows;
    return rows.filter((row): row is RunRow => row.kind === "run").map((row) => row.uid);
  });
  /** The runs that have curves. */
  shown: readonly string[] = $derived.by(() => {
    const { shown, hidden } = this.state;
    const away = new Set(hidden);
    const order = this.order.filter((uid) => !away.has(uid));
    if (shown.kind === "all") return order;
    if (shown.kind === "top") return order.slice(0, shown.count);
    const only = new Set(shown.uids);
    return this.order.filter((uid) => only.has(uid));
  });
  shownSet: ReadonlySet<string> = $derived(new Set(this.shown));

  #request = new AbortController();
  #stopListening: () => void = () => undefined;
  #waiting = new Set<string>();
  #busy = false;
  #behind = false;

  /** Starts: loads and listens. The returned function ends it. */
  start(): () => void {
    this.#listen();
    void this.load();
    return () => {
      this.#request.abort();
      this.#stopListening();
    };
  }

  #listen(): void {
    this.#stopListening();
    this.#stopListening = listen(this.state.experiment, {
      changed: (uids) => this.#changed(uids),
      reset: () => {
        this.#behind = true;
        if (this.loaded) void this.#catchUp();
      },
      heard: (connected) => {
        const back = connected && !this.connected;
        this.connected = connected;
        if (back) void this.load();
      },
    });
  }

  /** Changes what the address says. A `step` is one that the browser's "back" undoes. */
  set(change: Partial<WorkspaceState>, step = true): void {
    const before = this.state;
    this.state = { ...before, ...change };
    navigation.keep(writeState(this.state), step);
    this.#follow(before);
  }

  setCharts(change: Partial<ChartSettings>, step = true): void {
    this.set({ charts: { ...this.state.charts, ...change } }, step);
  }

  /** The address changed by "back" or by a link. */
  read(search: string): void {
    const next = readState(search);
    if (writeState(next) === writeState(this.state)) return;
    const before = this.state;
    this.state = next;
    this.#follow(before);
  }

  #follow(before: WorkspaceState): void {
    const now = this.state;
    if (before.experiment !== now.experiment) {
      this.#listen();
      this.selection = nothing;
      this.defaults = [];
    }
    const same = before.experiment === now.experiment && before.query === now.query && before.trash === now.trash;
    if (!same) void this.load();
    else if (!this.loading) void this.#ensure();
  }

  #needed(): string[] {
    const { sort, group, legend } = this.state;
    const fields = [...ALWAYS, ...this.columns, ...sort.map((key) => key.field), ...group, ...templateFields(legend)];
    return [...new Set(fields)];
  }

  /** Loads everything anew. What is shown stays until the first answer. */
  async load(): Promise<void> {
    this.#request.abort();
    const request = new AbortController();
    this.#request = request;
    this.loading = true;
    try {
      const first = await fetchFirst(this.state, request.signal);
      const complete = first.next_cursor === null;
      const head = new RunData().merge(first);
      if (this.defaults.length === 0) this.defaults = defaultColumns(head);
      this.head = head;
      this.known = [...new Set([...this.known, ...head.columns.keys()])];
      this.hints = first.hints;
      this.error = null;
      this.total = first.total ?? (complete ? first.uids.length : null);
      let data = head;
      const matching = new Set(first.uids);
      if (!complete && this.loaded === false) this.#show(data, matching);
      const lacking = this.#needed().filter((field) => !head.has(field) && parseField(field).kind !== "curve");
      if (!complete && lacking.length) data = data.merge(await fetchByUid(first.uids, lacking, request.signal));
      if (!complete)
        await fetchRest(this.state, this.#needed(), first.next_cursor, request.signal, (page) => {
          data = data.merge(page);
          for (const uid of page.uids) matching.add(uid);
        });
      // What has only been sent for the first runs is not known of the rest.
      if (!complete) data = this.#only(data);
      this.#show(data, matching);
      this.total ??= matching.size;
      await this.#ensure();
      this.loading = false;
      this.loaded = true;
      if (!this.paused) void this.refresh();
      if (this.#behind) void this.#catchUp();
      this.keys = await api.keys("metrics", this.state.experiment, request.signal);
    } catch (error) {
      this.#failed(error, request);
    }
  }

  #only(data: RunData): RunData {
    const needed = new Set(this.#needed());
    return new RunData(data.uids, new Map([...data.columns].filter(([field]) => needed.has(field))));
  }

  #show(data: RunData, matching: ReadonlySet<string>): void {
    this.data = data;
    this.matching = matching;
    this.updated = Date.now();
  }

  /** Shows runs anew. Curves are stale of those alone that went on: the first event names all that changed lately, as they are here already. */
  #tell(page: TablePage, matching: ReadonlySet<string>): void {
    const before = this.data;
    this.#show(before.merge(page), matching);
    const uids = page.uids.filter((uid) =>
      ["updated", "status"].some((field) => before.of(uid, field) !== this.data.of(uid, field)),
    );
    if (uids.length) this.fresh = { at: this.fresh.at + 1, uids: new Set(uids) };
  }

  #failed(error: unknown, request: AbortController): void {
    if (isAborted(error)) return;
    this.loading = false;
    this.error = explain(error);
    if (!(error instanceof Offline)) return;
    this.connected = false;
    setTimeout(() => {
      if (!request.signal.aborted) void this.load();
    }, WAIT_BEFORE_RETRY_MS);
  }

  /** Fetches columns and runs that are wanted and not here yet. */
  async #ensure(): Promise<void> {
    const missing = this.#needed().filter((field) => !this.data.has(field) && parseField(field).kind !== "curve");
    const away = [...this.#extra].filter((uid) => !this.data.index.has(uid));
    try {
      if (missing.length)
        await fetchRest(this.state, missing, null, this.#request.signal, (page) => {
          const known = page.uids.map((uid) => this.data.index.has(uid));
          this.data = this.data.merge(onlyKnown(page, known));
        });
      if (away.length) {
        const page = await fetchByUid(away, null, this.#request.signal);
        this.data = this.data.merge(page);
      }
    } catch (error) {
      toasts.fail(error);
    }
  }

  /** After more changes than could be told one by one. */
  async #catchUp(): Promise<void> {
    this.#behind = false;
    try {
      const page = await fetchRecent(this.state, [...this.data.columns.keys()], this.#request.signal);
      const matching = new Set([...this.matching, ...page.uids]);
      if (this.total !== null) this.total += matching.size - this.matching.size;
      this.#tell(page, matching);
    } catch (error) {
      if (!(error instanceof Offline)) toasts.fail(error);
    }
  }

  #changed(uids: readonly string[]): void {
    if (uids.length > MOST_TOLD) {
      this.#behind = true;
      if (this.loaded) void this.#catchUp();
      return;
    }
    for (const uid of uids) this.#waiting.add(uid);
    if (!this.paused) void this.refresh();
  }

  /** Brings what changed up to date, one request at a time. */
  async refresh(): Promise<void> {
    if (this.#busy || this.#waiting.size === 0 || !this.loaded) return;
    const uids = [...this.#waiting];
    this.#waiting.clear();
    this.#busy = true;
    try {
      const page = await fetchChanged(this.state, uids, [...this.data.columns.keys()], this.#request.signal);
      const there = new Set(page.uids);
      const gone = uids.filter((uid) => !there.has(uid) && this.matching.has(uid));
      const matching = new Set([...this.matching, ...page.uids]);
      for (const uid of gone) matching.delete(uid);
      if (this.total !== null) this.total += matching.size - this.matching.size;
      this.#tell(page, matching);
    } catch (error) {
      if (!(error instanceof Offline)) toasts.fail(error);
    } finally {
      this.#busy = false;
    }
    if (this.#waiting.size && !this.paused) void this.refresh();
  }

  setPaused(paused: boolean): void {
    this.paused = paused;
    if (!paused) void this.refresh();
  }

  /** Whether none of the shown runs has points of a metric, as far as that is known without asking. */
  isAbsent(key: string): boolean {
    const field = `metrics.${key}`;
    if (this.state.group.length || this.shown.length === 0) return false;
    return this.shown.every((uid) => this.head.index.has(uid) && this.head.of(uid, field) === null);
  }

  name(uid: string): string {
    return this.data.text(uid, "name") || `#${String(this.data.of(uid, "number") ?? "")}`;
  }

  /** A field of a run as the table would write it. */
  written(uid: string, field: string): string {
    return formatCell(this.data.of(uid, field), parseField(field), null, this.updated) || "–";
  }

  /** The colour of a run, or of a group by `groupKey`. */
  slot(id: string): number {
    return preferences.slots.get(id) ?? 0;
  }

  /** Switches a run's curves on or off. */
  toggleShown(uid: string): void {
    const { shown, hidden } = this.state;
    const on = this.shownSet.has(uid);
    if (shown.kind === "all") {
      const rest = hidden.filter((one) => one !== uid);
      this.set({ hidden: on ? [...rest, uid] : rest }, false);
      return;
    }
    const uids = on ? this.shown.filter((one) => one !== uid) : [...this.shown, uid];
    this.set({ shown: { kind: "only", uids }, hidden: [] }, false);
  }

  sortBy(field: string, more: boolean): void {
    const { sort } = this.state;
    const at = sort.findIndex((key) => key.field === field);
    const old = sort[at];
    const numeric = parseField(field).kind === "metric" || ["started", "ended", "updated", "duration"].includes(field);
    // First the direction that one wants to see, then the other, then none.
    let next: SortKey | null = { field, descending: numeric };
    if (old) next = old.descending === numeric ? { field, descending: !numeric } : null;
    if (!more) return this.set({ sort: next ? [next] : [] });
    const rest = sort.filter((_, i) => i !== at);
    if (!next) return this.set({ sort: rest });
    this.set({ sort: old ? sort.map((key, i) => (i === at ? next : key)) : [...rest, next] });
  }

  toggleGroup(id: string): void {
    const { collapsed } = this.state;
    this.set({ collapsed: collapsed.includes(id) ? collapsed.filter((one) => one !== id) : [...collapsed, id] }, false);
  }

  togglePin(uids: readonly string[]): void {
    const pinned = new Set(this.state.pinned);
    const all = uids.every((uid) => pinned.has(uid));
    for (const uid of uids)
      if (all) pinned.delete(uid);
      else pinned.add(uid);
    this.set({ pinned: [...pinned] });
  }
}

/** What a group's colour is kept under. */
export function groupKey(row: GroupRow): string {
  return `group:${row.id}`;
}

function onlyKnown(page: TablePage, known: readonly boolean[]): TablePage {
  if (known.every(Boolean)) return page;
  const columns = Object.entries(page.columns).map(([field, cells]) => [field, cells.filter((_, i) => known[i])]);
  return {
    ...page,
    uids: page.uids.filter((_, i) => known[i]),
    columns: Object.fromEntries(columns) as TablePage["columns"],
  };
}
