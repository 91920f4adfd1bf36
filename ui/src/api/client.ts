/** The one place that speaks to the server. Every call takes a signal to give it up. */
import { decodeCurves, type Curves } from "./curves";
import { learn } from "./meanings";
import { Offline, Problem, type ProblemBody } from "./problem";
import type * as T from "./types";

/** The address of the server as the page was served: works under a sub-path. Always ends in a slash. */
export const root = new URL(document.baseURI).pathname.replace(/[^/]*$/, "");

type Parameter = string | number | readonly string[] | undefined;

/** An address of the API; a list is a parameter that is repeated. */
export function apiPath(path: string, parameters: Record<string, Parameter> = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters))
    if (Array.isArray(value)) for (const item of value as readonly string[]) search.append(name, item);
    else if (value !== undefined) search.set(name, String(value));
  const text = search.toString();
  return `${root}api/v1/${path}${text ? `?${text}` : ""}`;
}

async function send(path: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch (error) {
    if (error instanceof DOMException) throw error;
    throw new Offline();
  }
  if (response.ok) return response;
  if (response.status === 401) goToSignIn();
  throw new Problem(response.status, await problemBody(response));
}

/** The session is over: sign in, and come back to what is shown now. */
function goToSignIn(): void {
  const shown = `${location.pathname}${location.search}${location.hash}`.slice(root.length);
  location.assign(`${root}sign-in?next=${encodeURIComponent(`/${shown}`)}`);
}

async function problemBody(response: Response): Promise<ProblemBody> {
  const type = response.headers.get("content-type") ?? "";
  if (type.includes("json")) return (await response.json()) as ProblemBody;
  return { title: `The server answered ${response.status} ${response.statusText}`.trim() };
}

async function get<Answer>(path: string, signal?: AbortSignal): Promise<Answer> {
  const response = await send(path, signal ? { signal } : {});
  return (await response.json()) as Answer;
}

function post(path: string, body: unknown, signal?: AbortSignal): Promise<Response> {
  const headers = { "content-type": "application/json" };
  return send(path, { method: "POST", headers, body: JSON.stringify(body), ...(signal ? { signal } : {}) });
}

async function postJson<Answer>(path: string, body: unknown, signal?: AbortSignal): Promise<Answer> {
  return (await (await post(path, body, signal)).json()) as Answer;
}

/** One request with a JSON body, and the JSON that comes back; nothing where nothing comes. */
export async function request<Answer = void>(
  method: string,
  path: string,
  body?: unknown,
  signal?: AbortSignal,
): Promise<Answer> {
  const headers: HeadersInit = body === undefined ? {} : { "content-type": "application/json" };
  const content = body === undefined ? {} : { body: JSON.stringify(body) };
  const response = await send(path, { method, headers, ...content, ...(signal ? { signal } : {}) });
  const text = await response.text();
  const isJson = (response.headers.get("content-type") ?? "").includes("json");
  return (text && isJson ? JSON.parse(text) : undefined) as Answer;
}

const runPath = (uid: string, rest = ""): string => `runs/${encodeURIComponent(uid)}${rest}`;

function learned<Answer extends { definitions: Record<string, T.Meaning> }>(answer: Answer): Answer {
  learn(answer.definitions);
  return answer;
}

export const api = {
  info: (signal?: AbortSignal) => get<T.Info>(apiPath("info"), signal),
  experiments: (signal?: AbortSignal) =>
    get<{ experiments: T.Experiment[] }>(apiPath("experiments"), signal).then((answer) => answer.experiments),
  keys: (kind: "params" | "metrics" | "tags", experiment: string | null, signal?: AbortSignal) =>
    get<{ keys: string[] }>(apiPath("keys", { kind, experiment: experiment ?? undefined }), signal).then(
      (answer) => answer.keys,
    ),
  table: (request: T.TableRequest, signal?: AbortSignal) =>
    postJson<T.TablePage>(apiPath("runs/table"), request, signal).then(learned),
  checkQuery: (query: string, experiment: string | null, signal?: AbortSignal) =>
    postJson<T.QueryCheck>(apiPath("query/check"), { query, experiment }, signal),
  completeQuery: (text: string, position: number, experiment: string | null, signal?: AbortSignal) =>
    postJson<T.Completions>(apiPath("query/complete"), { text, position, experiment }, signal),

  run: (uid: string, signal?: AbortSignal) => get<T.Run>(apiPath(runPath(uid)), signal).then(learned),
  metrics: (uid: string, signal?: AbortSignal) =>
    get<Record<string, T.SeriesFacts>>(apiPath(runPath(uid, "/metrics")), signal),
  lanes: (uid: string, signal?: AbortSignal) =>
    get<{ resources: T.Resource[] }>(apiPath(runPath(uid, "/lanes")), signal).then((answer) => answer.resources),
  curves: async (request: T.CurvesRequest, signal?: AbortSignal): Promise<Curves> =>
    decodeCurves(await (await post(apiPath("curves"), request, signal)).arrayBuffer()),
  sparklines: async (runs: string[], key: string, signal?: AbortSignal): Promise<Curves> =>
    decodeCurves(await (await post(apiPath("sparklines"), { runs, key, buckets: 40 }, signal)).arrayBuffer()),

  console: (uid: string, parameters: Record<string, string | number | undefined>, signal?: AbortSignal) =>
    get<T.ConsolePage>(apiPath(runPath(uid, "/console"), parameters), signal),
  searchConsole: (uid: string, q: string, regex: boolean, signal?: AbortSignal) =>
    get<T.ConsoleHits>(apiPath(runPath(uid, "/console/search"), { q, regex: regex ? 1 : 0, limit: 10000 }), signal),
  consoleRawUrl: (uid: string) => apiPath(runPath(uid, "/console/raw")),

  artifacts: (uid: string, signal?: AbortSignal) =>
    get<{ artifacts: T.Artifact[] }>(apiPath(runPath(uid, "/artifacts")), signal).then((answer) => answer.artifacts),
  artifactUrl: (uid: string, name: string, step: number | null, inline = false) =>
    apiPath(runPath(uid, "/artifacts/content"), { name, step: step ?? undefined, inline: inline ? 1 : undefined }),
  artifactsZipUrl: (uid: string, prefix = "") => apiPath(runPath(uid, "/artifacts/zip"), { prefix }),
  contentUrl: (digest: string) => apiPath(`contents/${digest}`),

  events: (uid: string, kinds: string, cursor: string | null, signal?: AbortSignal) =>
    get<{ events: T.RunEvent[]; next_cursor: string | null }>(
      apiPath(runPath(uid, "/events"), { kinds: kinds || undefined, limit: 500, cursor: cursor ?? undefined }),
      signal,
    ),
  code: (uid: string, signal?: AbortSignal) => get<T.Code>(apiPath(runPath(uid, "/code")), signal),

  edit: (edit: T.Edit | { edits: T.Edit[] }) => postJson<T.EditAnswer>(apiPath("runs/edit"), edit),
  views: (signal?: AbortSignal) => get<{ views: T.View[] }>(apiPath("views"), signal).then((answer) => answer.views),
  saveView: (view: Pick<T.View, "name" | "experiment" | "state">) =>
    send(apiPath(`views/${encodeURIComponent(view.name)}`), {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ experiment: view.experiment, state: view.state }),
    }),
  deleteView: (name: string) => send(apiPath(`views/${encodeURIComponent(name)}`), { method: "DELETE" }),
  exportUrl: (format: string, parameters: Record<string, Parameter>) =>
    apiPath("runs/export", { format, ...parameters }),
  liveUrl: (experiment: string | null) => apiPath("live", { experiment: experiment ?? undefined, since: 0 }),
};

/** The bytes of an address of this server, whole or in part, for previews. */
export async function fetchBytes(url: string, signal?: AbortSignal, most?: number): Promise<ArrayBuffer> {
  const range: HeadersInit = most === undefined ? {} : { range: `bytes=0-${most - 1}` };
  return (await send(url, { headers: range, ...(signal ? { signal } : {}) })).arrayBuffer();
}
