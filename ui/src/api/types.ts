/** What the server's /api/v1 sends, as far as the page reads it. Times are milliseconds since 1970, durations seconds. */

export type Cell = number | string | boolean | null | CellObject | Cell[];
export interface CellObject {
  [key: string]: Cell;
}

export interface Info {
  name: string;
  version: string;
  store: { location: string; name: string };
  read_only: boolean;
  accounts: boolean;
  user: { name: string } | null;
  time_zone: string;
  features: string[];
}

export interface Experiment {
  name: string;
  runs: number;
  statuses: Record<string, number>;
  updated_ms: number;
}

export interface TableRequest {
  query: string;
  order_by?: string;
  experiment: string | null;
  columns: string[] | null;
  limit: number;
  cursor?: string;
  include_deleted?: boolean;
  zone?: string;
}

export interface TablePage {
  uids: string[];
  total: number | null;
  next_cursor: string | null;
  columns: Record<string, Cell[]>;
  hints: string[];
  definitions: Record<string, Meaning>;
}

/** How a metric is meant: which value is best, what it is drawn over; null where nobody said. */
export interface Meaning {
  best: "min" | "max" | null;
  x: string | null;
}

export interface QueryError {
  message: string;
  position: number;
  length: number;
  hint: string | null;
}

export interface QueryCheck {
  ok: boolean;
  error: QueryError | null;
  hints: string[];
}

export interface Completion {
  text: string;
  kind: string;
  detail: string | null;
}

export interface Completions {
  from: number;
  to: number;
  options: Completion[];
}

export interface Child {
  uid: string;
  number: number;
  name: string | null;
  status: string;
}

export interface Note {
  time_ms: number;
  text: string;
}

export interface RunDetail {
  command?: Cell;
  git?: CellObject | null;
  source?: CellObject | null;
  environment?: CellObject | null;
  exit?: CellObject | null;
  notes?: Note[];
  statuses?: [number, string, string][];
  data?: CellObject;
  [key: string]: unknown;
}

export interface Run {
  uid: string;
  experiment: string;
  number: number;
  name: string | null;
  status: string;
  started_ms: number;
  ended_ms: number | null;
  updated_ms: number;
  duration_s: number | null;
  progress: number | null;
  eta_s: number | null;
  active_s: number | null;
  user: string | null;
  host: string | null;
  description: string | null;
  group: string | null;
  parent: string | null;
  points: number;
  lost: number;
  liveness: string | null;
  damage: string[];
  archived: boolean;
  deleted: boolean;
  open: boolean;
  params: Record<string, Cell>;
  tags: Record<string, string>;
  metrics: Record<string, Cell>;
  definitions: Record<string, Meaning>;
  detail: RunDetail;
  children: Child[];
  cards: Card[];
  reproduce: string[];
}

export interface Card {
  kind: string;
  name: string;
  version: string;
  role?: string;
}

/** A number, or the name of one that JSON has not. */
export type Value = number | "NaN" | "Infinity" | "-Infinity" | null;

export interface SeriesFacts {
  points: number;
  finite: number;
  mean: Value;
  min: Value;
  min_step: number | null;
  max: Value;
  max_step: number | null;
  first: Value;
  last: Value;
  last_step: number | null;
  last_ms: number | null;
}

export interface CurvesRequest {
  runs: string[];
  keys: string[];
  buckets: number;
  x: string;
  low: number | null;
  high: number | null;
}

export interface CurveHeader {
  run: string;
  key: string;
  points: number;
  n: number;
  reduced: boolean;
  nonfinite: { nan: number; pos: number; neg: number };
  last_step: number | null;
  status: string;
  breaks: number[];
}

export interface Curve extends CurveHeader {
  x: Float64Array;
  y: Float64Array;
}

/** What a run has several of, over time: `mean` has a list for each lane. */
export interface Resource {
  resource: string;
  keys: string[];
  lanes: string[];
  /** Seconds since the run's start. */
  x: number[];
  mean: (number | null)[][];
  low: (number | null)[];
  high: (number | null)[];
}

export interface ConsoleLine {
  n: number;
  stream: string;
  time_ms: number | null;
  text: string;
  rewritten: number;
  /** First character, the one after the last (code points), and the look of those in between: SGR parameters. */
  looks: [number, number, string][];
}

export interface ConsolePage {
  lines: ConsoleLine[];
  first: number;
  total: number;
  next: number | null;
  ended: boolean;
}

export interface ConsoleHits {
  count: number;
  lines: number[];
  first_error: number | null;
}

export interface Artifact {
  name: string;
  step: number | null;
  kind: string | null;
  size: number;
  media_type: string | null;
  digest: string | null;
  time_ms: number;
  metadata: CellObject | null;
  versions: number;
}

export interface RunEvent {
  time_ms: number;
  kind: string;
  key: string | null;
  value: Cell;
  step: number | null;
  writer: string | null;
}

export interface CodeFile {
  path: string;
  size: number;
  digest: string;
}

export interface Code {
  files: CodeFile[];
  diff: { digest: string; size: number } | null;
}

export interface Edit {
  runs: string[];
  tags?: Record<string, string | null>;
  name?: string | null;
  description?: string | null;
  note?: string;
  group?: string | null;
  archived?: boolean;
  deleted?: boolean;
}

export interface EditAnswer {
  changed: number;
  undo: { edits: Edit[] };
}

export interface View {
  name: string;
  experiment: string | null;
  state: { search: string };
  time_ms: number;
  by: string | null;
}
