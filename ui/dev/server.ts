/**
 * A small stand-in for the server, inside Vite: answers /api/v1 from made-up runs, so that the page is developed with hot reload and
 * nothing else. `RUNLORE_RUNS` says how many runs, `RUNLORE_POINTS` how many points a series has.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Connect, Plugin } from "vite";
import { encodeCurves } from "../src/api/curves";
import type { Cell, CurvesRequest, Edit, TableRequest } from "../src/api/types";
import { consoleLine } from "./console";
import { makeCurve, makeRuns, METRICS, reduce, type MadeRun } from "./runs";

const now = Date.now();
const points = Number(process.env["RUNLORE_POINTS"] ?? 1000);
const runs = makeRuns(Number(process.env["RUNLORE_RUNS"] ?? 400), now);
const byUid = new Map(runs.map((run) => [run.uid, run]));

interface Facts {
  last: number;
  min: number;
  max: number;
  first: number;
  mean: number;
}
const factsOf = new Map<string, Facts>();

function facts(run: MadeRun, key: string): Facts {
  const id = `${run.uid} ${key}`;
  let known = factsOf.get(id);
  if (!known) {
    const y = [...makeCurve(run, key, 100).y].filter(Number.isFinite);
    const mean = y.reduce((sum, value) => sum + value, 0) / y.length;
    known = { last: y.at(-1) ?? NaN, first: y[0] ?? NaN, min: Math.min(...y), max: Math.max(...y), mean };
    factsOf.set(id, known);
  }
  return known;
}

function duration(run: MadeRun): number {
  return run.steps * 34;
}

function cell(run: MadeRun, field: string): Cell {
  const dot = field.indexOf(".");
  const key = field.slice(dot + 1);
  if (field.startsWith("params.")) return run.params[key] ?? null;
  if (field.startsWith("tags.")) return run.tags[key] ?? null;
  if (field.startsWith("metrics.")) {
    const [name = "", suffix = "last"] = key.replace(/@.*/, "").split(":");
    if (run.number % 50 === 9 && name === "val/loss") return "NaN";
    return METRICS.includes(name) ? (facts(run, name)[suffix as keyof Facts] ?? null) : null;
  }
  const attributes: Record<string, Cell> = {
    name: run.name,
    number: run.number,
    experiment: run.experiment,
    status: run.status,
    started: run.started,
    ended: run.status === "running" ? null : run.started + duration(run) * 1000,
    updated: run.started + duration(run) * 1000,
    duration: duration(run),
    active: duration(run),
    user: "ana",
    host: `gpu-0${run.number % 7}`,
    description: run.description,
    points: run.steps * METRICS.length,
    lost: 0,
    archived: run.archived,
    deleted: run.deleted,
  };
  return attributes[field] ?? null;
}

const COMPARE = /^([\w./]+)\s*(<=|>=|!=|=|<|>)\s*(.+)$/;

/** Only conditions joined by `and`: enough to develop with. */
function matches(run: MadeRun, query: string): boolean {
  const uids = /uid in \((.*?)\)$/.exec(query);
  if (uids?.[1] !== undefined) return uids[1].includes(`'${run.uid}'`);
  return query
    .split(/\s+and\s+/i)
    .filter(Boolean)
    .every((part) => {
      const [, field = "", operator = "", text = ""] = COMPARE.exec(part.trim()) ?? [];
      const value = cell(run, field);
      const plain = text.replace(/^'(.*)'$/, "$1");
      const [a, b] = typeof value === "number" ? [value, Number(plain)] : [String(value), plain];
      if (value === null) return false;
      return { "<": a < b, ">": a > b, "=": a === b, "!=": a !== b, "<=": a <= b, ">=": a >= b }[operator] ?? true;
    });
}

function queryError(query: string): { message: string; position: number; length: number; hint: string | null } | null {
  const part = query
    .split(/\s+and\s+/i)
    .find((text) => text.trim() && !COMPARE.test(text.trim()) && !/ in /.test(text));
  if (part === undefined) return null;
  const position = query.indexOf(part);
  return {
    message: `there is no attribute '${part}'`,
    position,
    length: part.length,
    hint: "write FIELD OPERATOR VALUE",
  };
}

class Refused extends Error {
  constructor(
    readonly status: number,
    readonly body: Record<string, unknown>,
  ) {
    super(String(body["detail"]));
  }
}

function table(request: TableRequest): unknown {
  const error = queryError(request.query);
  if (error)
    throw new Refused(400, { title: "Query", detail: error.message, position: error.position, hint: error.hint });
  const found = runs
    .filter((run) => (!request.experiment || run.experiment === request.experiment) && matches(run, request.query))
    .filter((run) => request.include_deleted === true || !(run.deleted || run.archived))
    .reverse();
  const start = Number(request.cursor ?? 0);
  const page = found.slice(start, start + request.limit);
  const fields = request.columns ?? [
    ..."name number experiment status started ended updated duration active user host description points lost archived deleted".split(
      " ",
    ),
    ...[...new Set(page.flatMap((run) => Object.keys(run.params)))].map((key) => `params.${key}`),
    ...[...new Set(page.flatMap((run) => Object.keys(run.tags)))].map((key) => `tags.${key}`),
    ...METRICS.map((key) => `metrics.${key}`),
  ];
  return {
    uids: page.map((run) => run.uid),
    total: found.length,
    next_cursor: start + page.length < found.length ? String(start + page.length) : null,
    columns: Object.fromEntries(fields.map((field) => [field, page.map((run) => cell(run, field))])),
    hints: [],
    definitions: {},
  };
}

function theRun(uid: string): MadeRun {
  const run =
    byUid.get(uid) ?? runs.find((one) => one.uid.startsWith(uid) || `${one.experiment}#${one.number}` === uid);
  if (!run) throw new Refused(404, { title: "Not found", detail: `no run '${uid}'`, hint: "look for it in the table" });
  return run;
}

function runAnswer(run: MadeRun): unknown {
  const end = run.started + duration(run) * 1000;
  return {
    ...Object.fromEntries(
      ["name", "number", "experiment", "status", "user", "host", "description", "points", "lost"].map((f) => [
        f,
        cell(run, f),
      ]),
    ),
    uid: run.uid,
    started_ms: run.started,
    ended_ms: run.status === "running" ? null : end,
    updated_ms: end,
    duration_s: duration(run),
    active_s: duration(run),
    group: null,
    parent: null,
    liveness: null,
    damage: [],
    archived: run.archived,
    deleted: run.deleted,
    open: run.status === "running",
    params: run.params,
    tags: run.tags,
    metrics: Object.fromEntries(METRICS.map((key) => [key, facts(run, key).last])),
    definitions: {},
    detail: {
      command: ["python", "train.py", "--lr", String(run.params["lr"])],
      git: { commit: "61090d2a1b2c3d4e5f60718293a4b5c6d7e8f901", branch: "main", changed: ["train.py", "model.py"] },
      environment: { python: "3.12.4", packages: { torch: "2.13.0", numpy: "2.1.0" } },
      exit: run.status === "failed" ? { exception: "RuntimeError: CUDA out of memory", code: 1 } : null,
      notes: [{ time_ms: run.started, text: "Started from the **best** of the last sweep." }],
      statuses: [[run.started, "running", "run"]],
      data: {},
    },
    children: [],
    cards: [{ kind: "model", name: "vision/resnet", version: "1.4.0", role: "champion" }],
    reproduce: [
      "git checkout 61090d2",
      "runlore code --diff > changes.patch && git apply changes.patch",
      "python train.py",
    ],
  };
}

const ARTIFACTS = [
  ["model/weights.safetensors", "application/octet-stream", 44_800_000],
  ["figures/confusion.svg", "image/svg+xml", 600],
  ["report.md", "text/markdown", 120],
  ["predictions.csv", "text/csv", 900],
  ["config.json", "application/json", 90],
  ["train.py", "text/x-python", 80],
] as const;

const CONTENTS: Record<string, string> = {
  "figures/confusion.svg": `<svg xmlns="http://www.w3.org/2000/svg" width="200" height="120"><rect width="200" height="120" fill="#e2efec"/><circle cx="90" cy="60" r="40" fill="#1f5f57"/></svg>`,
  "report.md": "# Report\n\nAccuracy **0.94** on `val`.\n\n- one\n- two\n",
  "predictions.csv": `id,label,score\n${Array.from({ length: 60 }, (_, i) => `${i},cat,${(i / 60).toFixed(3)}`).join("\n")}\n`,
  "config.json": '{"model": {"depth": 50, "width": [1, 2]}, "lr": 0.1, "name": "resnet"}',
  "train.py": "import runlore\n\nwith runlore.start('iris') as run:\n    run.log_metric('loss', 0.1)\n",
};

type Handler = (match: RegExpExecArray, query: URLSearchParams, body: unknown) => unknown;

function edit(body: unknown): unknown {
  const edits = "edits" in (body as object) ? (body as { edits: Edit[] }).edits : [body as Edit];
  const undo: Edit[] = [];
  for (const one of edits)
    for (const uid of one.runs) {
      const run = theRun(uid);
      undo.push({
        runs: [uid],
        name: run.name,
        description: run.description,
        archived: run.archived,
        deleted: run.deleted,
      });
      if (one.name !== undefined) run.name = one.name ?? "";
      if (one.description !== undefined) run.description = one.description;
      if (one.archived !== undefined) run.archived = one.archived;
      if (one.deleted !== undefined) run.deleted = one.deleted;
      for (const [key, value] of Object.entries(one.tags ?? {}))
        if (value === null) run.tags = Object.fromEntries(Object.entries(run.tags).filter(([name]) => name !== key));
        else run.tags[key] = value;
    }
  return { changed: undo.length, undo: { edits: undo } };
}

function curves(body: unknown, fine: number): ArrayBuffer {
  const request = body as CurvesRequest & { key?: string };
  const keys = request.key ? [request.key] : request.keys;
  const made = request.runs.flatMap((uid) => keys.map((key) => makeCurve(theRun(uid), key, fine)));
  return encodeCurves(made.map((curve) => reduce(curve, request.buckets, request.low ?? null, request.high ?? null)));
}

const routes: [RegExp, Handler][] = [
  [
    /^info$/,
    () => ({
      name: "runlore",
      version: "0.0.0",
      store: { location: "/home/ana/project/.runlore", name: "project" },
      read_only: false,
      user: null,
      time_zone: "UTC",
      features: [],
    }),
  ],
  [
    /^experiments$/,
    () => ({
      experiments: [...new Set(runs.map((run) => run.experiment))].sort().map((name) => {
        const own = runs.filter((run) => run.experiment === name);
        return {
          name,
          runs: own.length,
          statuses: { running: own.filter((run) => run.status === "running").length },
          updated_ms: own.at(-1)?.started ?? 0,
        };
      }),
    }),
  ],
  [
    /^keys$/,
    (_m, query) => ({
      keys: query.get("kind") === "metrics" ? METRICS : [...new Set(runs.flatMap((r) => Object.keys(r.params)))],
    }),
  ],
  [/^runs\/table$/, (_m, _q, body) => table(body as TableRequest)],
  [/^runs\/edit$/, (_m, _q, body) => edit(body)],
  [
    /^query\/check$/,
    (_m, _q, body) => {
      const error = queryError((body as { query: string }).query);
      return { ok: !error, error, hints: [] };
    },
  ],
  [
    /^query\/complete$/,
    (_m, _q, body) => {
      const { text, position } = body as { text: string; position: number };
      const word = /[^\s(),]*$/.exec(text.slice(0, position))?.[0] ?? "";
      const names = [
        ...METRICS.map((k) => `metrics.${k}`),
        "params.lr",
        "params.batch",
        "params.optimizer/name",
        "status",
        "started",
      ];
      const options = names
        .filter((name) => name.includes(word))
        .map((name) => ({ text: name, kind: "field", detail: null }));
      return { from: position - word.length, to: position, options };
    },
  ],
  [/^curves$/, (_m, _q, body) => curves(body, points)],
  [/^sparklines$/, (_m, _q, body) => curves(body, 100)],
  [/^views$/, () => ({ views: [] })],
  [/^runs\/([^/]+)$/, (m) => runAnswer(theRun(m[1] ?? ""))],
  [
    /^runs\/([^/]+)\/metrics$/,
    (m) => {
      const run = theRun(m[1] ?? "");
      return Object.fromEntries(
        METRICS.map((key) => [
          key,
          {
            ...facts(run, key),
            points: run.steps,
            finite: run.steps,
            max_step: 9000,
            min_step: 100,
            last_step: 20000,
            last_ms: now,
          },
        ]),
      );
    },
  ],
  [
    /^runs\/([^/]+)\/console$/,
    (m, query) => {
      const run = theRun(m[1] ?? "");
      const total = 100_000;
      const limit = Number(query.get("limit") ?? 500);
      const tail = query.get("tail");
      const first = tail ? Math.max(0, total - Number(tail)) : Number(query.get("from") ?? 1) - 1;
      const count = Math.max(0, Math.min(tail ? Number(tail) : limit, total - first));
      const lines = Array.from({ length: count }, (_, i) => ({
        ...consoleLine(first + i, run.started),
        n: first + i + 1,
      }));
      return {
        lines,
        first: 0,
        total,
        next: first + count < total ? first + count : null,
        ended: run.status !== "running",
      };
    },
  ],
  [
    /^runs\/([^/]+)\/console\/search$/,
    (_m, query) => {
      const lines = Array.from({ length: 100_000 }, (_, n) => n).filter((n) =>
        consoleLine(n, 0).text.includes(query.get("q") ?? ""),
      );
      return { count: lines.length, lines: lines.slice(0, 10_000).map((n) => n + 1), first_error: 124 };
    },
  ],
  [
    /^runs\/([^/]+)\/artifacts$/,
    () => ({
      artifacts: ARTIFACTS.map(([name, media_type, size]) => ({
        name,
        media_type,
        size,
        step: null,
        kind: null,
        digest: "ab12".repeat(16),
        time_ms: now,
        metadata: null,
        versions: 1,
      })),
    }),
  ],
  [/^runs\/([^/]+)\/artifacts\/content$/, (_m, query) => Buffer.from(CONTENTS[query.get("name") ?? ""] ?? "")],
  [
    /^runs\/([^/]+)\/events$/,
    (m) => ({
      events: ["start", "param", "tag", "status", "stop"].map((kind, i) => ({
        time_ms: theRun(m[1] ?? "").started + i * 1000,
        kind,
        key: kind === "param" ? "lr" : null,
        value: kind === "param" ? 0.1 : null,
        step: null,
        writer: "main",
      })),
      next_cursor: null,
    }),
  ],
  [
    /^runs\/([^/]+)\/code$/,
    () => ({ files: [{ path: "train.py", size: 80, digest: "aa" }], diff: { digest: "dd", size: 120 } }),
  ],
  [/^contents\/aa$/, () => Buffer.from(CONTENTS["train.py"] ?? "")],
  [
    /^contents\/dd$/,
    () => Buffer.from("--- a/train.py\n+++ b/train.py\n@@ -1,2 +1,2 @@\n import runlore\n-lr = 0.1\n+lr = 0.2\n"),
  ],
];

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  return text ? JSON.parse(text) : null;
}

function live(response: ServerResponse): void {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  response.write(": hello\n\n");
  const timer = setInterval(() => {
    const running = runs.filter((run) => run.status === "running");
    for (const run of running) run.steps = Math.min(200, run.steps + 1);
    factsOf.clear();
    response.write(`event: runs\ndata: ${JSON.stringify({ uids: running.map((run) => run.uid), at: "0" })}\n\n`);
  }, 2000);
  response.on("close", () => clearInterval(timer));
}

async function answer(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
  const url = new URL(path, "http://host");
  const name = decodeURIComponent(url.pathname.slice(1));
  if (name === "live") return live(response);
  const body = request.method === "POST" ? await readBody(request) : null;
  try {
    for (const [pattern, handler] of routes) {
      const match = pattern.exec(name);
      if (!match) continue;
      const result = handler(match, url.searchParams, body);
      const binary = result instanceof ArrayBuffer ? Buffer.from(result) : Buffer.isBuffer(result) ? result : null;
      response.setHeader("content-type", binary ? "application/octet-stream" : "application/json");
      if (name.endsWith("content") && url.searchParams.get("name")?.endsWith(".svg"))
        response.setHeader("content-type", "image/svg+xml");
      response.end(binary ?? JSON.stringify(result));
      return;
    }
    throw new Refused(404, { title: "Not found", detail: `no ${name}` });
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    response.writeHead(error.status, { "content-type": "application/problem+json" });
    response.end(JSON.stringify(error.body));
  }
}

const middleware: Connect.NextHandleFunction = (request, response, next) => {
  if (!request.url?.startsWith("/api/v1/")) return next();
  answer(request, response, request.url.slice("/api/v1".length)).catch(next);
};

/** The plugin: answers in `vite` and in `vite preview`. */
export function fixtureServer(): Plugin {
  return {
    name: "runlore-fixture-server",
    configureServer: (server) => void server.middlewares.use(middleware),
    configurePreviewServer: (server) => void server.middlewares.use(middleware),
  };
}
